"""Validators of JSON Schema as OpenAPI 3.0 and 3.1 have it.

Their library builds dozens of grammars when it is imported, which takes seconds: only the tests that validate pay for
it, and not every process that collects them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


def oas30(schema: dict[str, Any]) -> Validator:
    """Return a validator of OpenAPI 3.0's dialect; the schema itself is checked first."""
    from openapi_schema_validator import OAS30Validator

    OAS30Validator.check_schema(schema)
    return OAS30Validator(schema)


def oas31(schema: dict[str, Any]) -> Validator:
    """Return a validator of OpenAPI 3.1's dialect; the schema itself is checked first."""
    from openapi_schema_validator import OAS31Validator

    OAS31Validator.check_schema(schema)
    return OAS31Validator(schema)
