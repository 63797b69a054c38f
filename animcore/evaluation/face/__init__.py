"""Measures of lips and face, and the page that compares them."""
