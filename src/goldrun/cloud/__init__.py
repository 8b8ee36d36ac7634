"""Alibaba Cloud: client, signature, credentials, typed calls, errors."""
