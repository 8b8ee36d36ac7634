"""Golden images and spot runners for GitHub Actions on Alibaba Cloud ECS."""

__version__ = "0.1.0"
