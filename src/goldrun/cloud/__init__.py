"""The cloud as we see it: client, signature, credentials, models, errors."""
