"""Ratios, measured side by side against what a user would use instead."""
