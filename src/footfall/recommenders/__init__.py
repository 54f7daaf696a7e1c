"""Recommenders: one file per family, behind one protocol."""
