"""Takes as files."""
