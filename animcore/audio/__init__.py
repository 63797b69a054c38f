"""Recordings: decoded, resampled, measured, and heard live from a microphone."""
