"""From the landmarks of a recorded body and its hands to a pose of SMPL-X and its way through the room."""
