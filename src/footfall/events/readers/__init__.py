"""One file per source format; see `_base` for how to add one."""
