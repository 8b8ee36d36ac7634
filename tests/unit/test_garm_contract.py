"""What the engine hands over, when it is none of what the contract says."""

from __future__ import annotations

import pytest

from goldrun.errors import UsageError
from goldrun.garm.contract import Call, read_bootstrap_instance, read_specs

DEEP = '{"a":' * 5000 + "1" + "}" * 5000


def test_json_that_is_nested_too_deep_is_a_wrong_input() -> None:
    with pytest.raises(UsageError, match="not a JSON object"):
        read_specs(DEEP)
    with pytest.raises(UsageError, match="as JSON on stdin"):
        read_bootstrap_instance(DEEP, Call("CreateInstance"))
