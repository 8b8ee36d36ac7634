"""What GitHub says: typed calls."""
