"""What every room stands on: progress, whole files, frame rates, images, arrays and the names of the tracks."""
