"""Marks, consent and verification: what Animcore writes says what it is. Nothing here reaches the network unasked."""
