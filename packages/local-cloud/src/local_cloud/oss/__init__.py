"""The API of the object storage (OSS), by paths: ``/BUCKET/KEY``."""
