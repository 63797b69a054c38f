"""What commands, service and extension share: whole jobs from input files to output files."""
