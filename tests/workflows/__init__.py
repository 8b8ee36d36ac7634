"""The workflows and composite actions, executed step by step against the local cloud and the local GitHub."""
