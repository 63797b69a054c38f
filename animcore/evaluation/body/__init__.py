"""Measures of gesture and body motion, and the page that compares them."""
