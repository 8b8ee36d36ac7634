"""Finds what has to change in workflows of the guide's own scripts and action, and changes what it can."""
