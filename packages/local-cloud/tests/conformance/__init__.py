"""Official clients of other languages: one table of calls, and a bridge to each client."""
