"""Tables of voice lines in the formats that writers, localisers and audio tools export."""
