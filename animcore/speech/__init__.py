"""Words, prosody and speakers, from audio alone."""
