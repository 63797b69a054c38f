"""What operators and panels of all features share."""
