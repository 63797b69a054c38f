"""Body motion files: BVH, AMASS, BEAT2, FLAME."""
