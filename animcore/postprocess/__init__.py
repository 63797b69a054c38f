"""Motion -> Motion: what is done to a performance after it was made."""
