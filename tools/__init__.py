"""Builds the project's docs, schemas, message catalogue and single-file scripts."""
