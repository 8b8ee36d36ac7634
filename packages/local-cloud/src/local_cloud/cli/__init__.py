"""The local cloud's command line: parse, call, print."""
