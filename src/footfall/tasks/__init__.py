"""Tasks: business questions, one file each."""
