"""Networks from the literature that predict gestures from audio."""
