"""What ``--json`` prints: a contract (docs/json.md), so these objects are kept apart from the code's own.

The rules that hold for all of them:

- An id has the same name wherever it appears: ``image_id``, ``instance_id``, ``runner_id``.
- Times are ISO 8601 in UTC, to the second. Spans are whole seconds, and their names end in ``_seconds``.
- Every member is always present. Missing text is empty; a missing number, time or object is null.

Their JSON schemas in ``schemas/`` are generated from the types and docstrings (tools/schemas.py).
"""
