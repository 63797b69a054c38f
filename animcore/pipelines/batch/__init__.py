"""Tables of lines: what ten thousand recordings become, what is known of each, and how the work is shared."""
