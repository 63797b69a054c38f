"""Dubbing: a person in a video says other words, with the mouth of this person's own frames."""
