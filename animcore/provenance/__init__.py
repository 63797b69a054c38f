"""Marks, consent and verification: every file states how it was made. Nothing here reaches the network unasked."""
