"""Finds newer versions of the tools that a recipe pins, and writes them with their checksums."""
