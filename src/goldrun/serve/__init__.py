"""Serves labels: keeps as many runners as GitHub's scale sets ask for."""
