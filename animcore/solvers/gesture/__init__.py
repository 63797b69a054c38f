"""The shipped gesture solver: plans strokes and poses arms, hands and torso."""
