"""GitHub Actions runners that run one job each."""
