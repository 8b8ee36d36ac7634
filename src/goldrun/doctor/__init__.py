"""Looks for what keeps goldrun from working, or costs money: what it is, what it breaks, how to fix it."""
