"""What is said and how, from sound alone."""
