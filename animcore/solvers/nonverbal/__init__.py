"""Head motion, gaze, blinks and listening."""
