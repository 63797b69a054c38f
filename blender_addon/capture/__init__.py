"""Captures a character as images for a hybrid head."""
