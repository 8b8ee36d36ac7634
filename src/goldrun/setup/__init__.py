"""What goldrun needs in an account and at GitHub: planned, created, changed, removed."""
