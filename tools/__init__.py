"""What builds the project: its docs and its single-file scripts."""
