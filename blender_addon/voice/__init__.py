"""The voice in the scene: which audio, what was found in it, its waveform."""
