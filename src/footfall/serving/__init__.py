"""Serving: bundles that are kept, opened and asked; no HTTP."""
