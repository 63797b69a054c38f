"""Who does the work: processes of this computer, or a Ray cluster, behind one small interface."""
