"""Spot instances: what there is, what to take, how to get it and how to get rid of it."""
