"""Recordings: decoded, resampled, measured, and captured live from a microphone."""
