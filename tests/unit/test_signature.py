"""Our signatures against the official SDKs', byte for byte."""

from __future__ import annotations

import random
import string

from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from goldrun.cloud import signature
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.endpoints import ECS
from goldrun.cloud.rpc import EMPTY_SHA256, flatten, sign
from goldrun.http.endpoint import Endpoint

REQUESTS = 1000
ALPHABET = string.ascii_letters + string.digits + " -_.~*/+=&?%:;,'\"!()[]{}<>@#$^|\\\t\n镜像名称é🚀"


def _word(chance: random.Random, low: int, high: int) -> str:
    return "".join(chance.choice(ALPHABET) for _ in range(chance.randint(low, high)))


def _name(chance: random.Random) -> str:
    """A parameter's name as APIs have them. The SDK signs names as they are, so only such can be compared."""
    letters = string.ascii_letters + string.digits + "._-"
    return "".join(chance.choice(letters) for _ in range(chance.randint(1, 12)))


def _params(chance: random.Random) -> dict[str, str]:
    usual = ["RegionId", "ImageName", "Tag.1.Key", "Tag.1.Value", "Tag.10.Key", "Status"]
    names = [chance.choice([*usual, _name(chance)]) for _ in range(chance.randint(0, 9))]
    return {name: _word(chance, 0, 40) for name in names}


def test_version_3_equals_the_official_sdk_on_1000_requests() -> None:
    chance = random.Random(20261123)
    for number in range(REQUESTS):
        params = _params(chance)
        credentials = Credentials(
            _word(chance, 1, 20).strip() or "id", _word(chance, 1, 40) or "secret", chance.choice(["", "token+/="])
        )
        endpoint = Endpoint("http", "127.0.0.1", chance.randint(1, 65535))
        query = signature.canonical_query(params)
        ours = sign(ECS, "DescribeImages", query, endpoint, credentials, 1.6e9 + number * 86400.5)
        theirs = DaraRequest()
        theirs.method, theirs.pathname, theirs.query = "POST", "/", params
        theirs.headers = {name: value for name, value in ours.items() if name != "authorization"}
        expected = Utils.get_authorization(
            theirs, "ACS3-HMAC-SHA256", EMPTY_SHA256, credentials.access_key_id, credentials.access_key_secret
        )
        assert ours["authorization"] == expected, params


def test_version_1_equals_the_official_sdk_on_1000_requests() -> None:
    chance = random.Random(8)
    for _ in range(REQUESTS):
        params, secret = _params(chance), _word(chance, 1, 40)
        method = chance.choice(["GET", "POST"])
        assert signature.signature_v1(method, params, secret) == Utils.get_rpcsignature(params, method, secret)


def test_parameters_are_flattened_as_the_official_sdk_flattens_them() -> None:
    ours = flatten(
        {"A": "x", "N": 3, "List": ["a", "b"], "Tag": [{"Key": "k", "Value": "v"}, {"Key": "w"}], "Gone": None}
    )
    assert ours == Utils.query(
        {"A": "x", "N": 3, "List": ["a", "b"], "Tag": [{"Key": "k", "Value": "v"}, {"Key": "w"}]}
    )
    assert flatten({"Force": True}) == {"Force": "true"}
