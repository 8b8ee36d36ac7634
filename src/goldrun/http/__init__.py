"""HTTP, shared by the cloud's client and GitHub's."""
