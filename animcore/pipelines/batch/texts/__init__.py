"""The texts of lines: what of them is spoken, and whether they are in the language that they should be."""
