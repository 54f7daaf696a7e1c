"""Every user's events, sorted by user and time, integer-coded, in memory-mapped columns."""
