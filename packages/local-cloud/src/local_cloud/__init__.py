"""The local cloud: an ECS-compatible server for the official SDKs, with its data in one SQLite file.

It shares only the signature of requests with the rest of goldrun, so that tests against it are independent.
"""
