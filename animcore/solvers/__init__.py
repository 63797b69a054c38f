"""AudioClip + Direction -> Motion. One file a solver; `performance` puts the shipped ones together."""
