"""The judges: how near a performance comes to a real face, to an animator's curves, or to another take."""
