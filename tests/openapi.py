"""Validators of JSON Schema as OpenAPI 3.0 and 3.1 have it.

Their library builds dozens of grammars when it is imported, which takes seconds: only the tests that validate pay for
it, and not every process that collects them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class Validator(Protocol):
    """What tests use of a validator."""

    def validate(self, instance: object) -> None:
        """Raise what is wrong first."""

    def iter_errors(self, instance: object) -> Iterator[Any]:
        """Yield what is wrong."""


def oas30(schema: dict[str, Any]) -> Validator:
    """Return a validator of OpenAPI 3.0's dialect; the schema itself is checked first."""
    from openapi_schema_validator import OAS30Validator

    OAS30Validator.check_schema(schema)
    made: Validator = OAS30Validator(schema)
    return made


def oas31(schema: dict[str, Any]) -> Validator:
    """Return a validator of OpenAPI 3.1's dialect; the schema itself is checked first."""
    from openapi_schema_validator import OAS31Validator

    OAS31Validator.check_schema(schema)
    made: Validator = OAS31Validator(schema)
    return made
