"""What differs between Blender versions or touches the scene: curves, sequencer, frame rates, temporary values."""
