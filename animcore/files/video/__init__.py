"""Videos: written, read as frames, and the faces found in them."""
