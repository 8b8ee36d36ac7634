"""HTTP: the wire that the cloud's client and GitHub's share."""
