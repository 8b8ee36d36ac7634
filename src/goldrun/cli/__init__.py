"""The command line: a module for each noun. Parse, call, print; no logic."""
