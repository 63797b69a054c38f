"""Scene files with a character in them: glTF, VRMA, USD, and what Blender writes."""
