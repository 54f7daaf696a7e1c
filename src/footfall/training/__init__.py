"""Training: objectives, packing, loop, schedules and the record of every run."""
