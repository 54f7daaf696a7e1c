"""Tables on disk (Delta Lake) and queries over them (DuckDB); the only importer of either."""
