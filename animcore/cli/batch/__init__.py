"""`animcore batch`: a table of lines in, ten thousand performances out, and what is known of each."""
