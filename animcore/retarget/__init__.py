"""What the names and shapes of a rig mean, and how weights become its own. Needs numpy alone: Blender runs it too."""
