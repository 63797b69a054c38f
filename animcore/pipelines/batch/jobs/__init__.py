"""A batch as a job of a render farm: files that Flamenco and OpenJD read."""
