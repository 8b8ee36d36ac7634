"""Looks for what keeps goldrun from working, or costs money: what it is, what it breaks, what mends it."""
