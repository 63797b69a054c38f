"""Networks from the literature that predict a face from audio."""
