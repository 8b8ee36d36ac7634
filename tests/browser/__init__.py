"""The local cloud as a real browser reaches it."""
