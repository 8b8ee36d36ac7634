"""The local cloud: a server that the official SDKs cannot tell from ECS, its data in one SQLite file.

It knows nothing of the rest of goldrun but how a request is signed, so that it can serve as a witness.
"""
