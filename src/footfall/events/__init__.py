"""Reading what happened: source formats, mapping, cleaning, identity. Knows nothing about storage."""
