"""GitHub's side: runners that live for one job."""
