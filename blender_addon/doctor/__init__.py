"""The take doctor: finds what is wrong with voice, scene and rig before anything is written, and fixes it."""
