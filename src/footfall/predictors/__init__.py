"""Families that predict from a table of features, one file each."""
