"""The wire itself: what the gateway answers to requests that no SDK would send."""

from __future__ import annotations

import pytest
from tests.conftest import REGION, Running

from goldrun.cloud import signature
from local_cloud import seed
from wire import send, signed, v1, v3


def test_parameters_in_a_form(live: Running) -> None:
    live.image("in-a-form")
    form = signed("POST", v1("DescribeImages", RegionId=REGION, ImageName="in-a-form"))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    status, _, answer = send(live, "POST", {}, kind, signature.canonical_query(form))
    assert (status, answer["TotalCount"]) == (200, 1)


def test_parameters_in_query_and_form_together_by_version_3(live: Running) -> None:
    live.image("in-a-form")
    query, body = {"RegionId": REGION}, "ImageName=in-a-form&PageSize=5"
    headers = v3(live, body, query) | {"content-type": "application/x-www-form-urlencoded"}
    status, _, answer = send(live, "POST", query, headers, body)
    assert (status, answer["TotalCount"], answer["PageSize"]) == (200, 1, 5)


def test_without_a_format_the_old_gateway_answers_xml(live: Running) -> None:
    params = v1("DescribeRegions")
    del params["Format"]
    status, kind, text = send(live, "GET", signed("GET", params))
    assert (status, kind) == (200, "text/xml")
    assert "<DescribeRegionsResponse><Regions><Region><RegionId>cn-qingdao</RegionId>" in text
    status, kind, text = send(live, "GET", {**params, "Signature": "wrong"})
    assert (status, kind) == (400, "text/xml")
    assert "<Code>SignatureDoesNotMatch</Code>" in text


def test_the_body_of_an_error(live: Running) -> None:
    status, _, answer = send(live, "GET", signed("GET", v1("DescribeImages", RegionId="cn-nowhere")))
    assert status == 404
    assert set(answer) == {"Code", "Message", "RequestId", "HostId", "Recommend"}
    assert answer["Code"] == "InvalidRegionId.NotFound"
    assert answer["RequestId"] in answer["Recommend"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Action": "DescribeUnicorns"}, "InvalidAction.NotFound"),
        ({"Version": "1999-01-01"}, "InvalidVersion"),
        ({"Version": ""}, "MissingVersion"),
        ({"Action": ""}, "MissingAction"),
        ({"RegionId": ""}, "MissingRegionId"),
        ({"PageSize": "many"}, "InvalidPageSize"),
        ({"DryRun": "perhaps"}, "InvalidDryRun"),
        ({"DryRun": "true"}, "DryRunOperation"),
        ({"SignatureMethod": "HMAC-MD5"}, "InvalidSignatureMethod"),
        ({"Timestamp": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2020-01-01T00:00:00Z"}, "InvalidTimeStamp.Expired"),
        ({"AccessKeyId": ""}, "MissingAccessKeyId"),
        ({"SecurityToken": "stray"}, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
def test_the_gateways_refusals(live: Running, change: dict[str, str], code: str) -> None:
    params = v1("DescribeImages", RegionId=REGION) | change
    assert send(live, "GET", signed("GET", params))[2]["Code"] == code


def test_unknown_parameters_are_ignored_as_by_the_real_gateway(live: Running) -> None:
    assert send(live, "GET", signed("GET", v1("DescribeImages", RegionId=REGION, Unicorn="1")))[0] == 200


def test_a_known_action_that_is_not_performed_says_so(live: Running) -> None:
    status, _, answer = send(live, "GET", signed("GET", v1("ImportImage", RegionId=REGION)))
    assert (status, answer["Code"]) == (501, "NotImplemented.LocalCloud")


def test_a_replay_is_refused_but_a_refused_request_may_be_sent_again(live: Running) -> None:
    query = {"RegionId": REGION}
    headers = v3(live, query=query)
    assert send(live, "POST", query, headers)[0] == 200
    assert send(live, "POST", query, headers)[2]["Code"] == "SignatureNonceUsed"


def test_a_changed_parameter_or_body_breaks_the_signature(live: Running) -> None:
    query = {"RegionId": REGION}
    headers = v3(live, query=query)
    assert send(live, "POST", {"RegionId": "cn-beijing"}, headers)[2]["Code"] == "SignatureDoesNotMatch"
    assert send(live, "POST", query, v3(live, query=query), "x=1")[2]["Code"] == "InvalidContentSha256"


def test_headers_that_are_not_signed_are_not_trusted(live: Running) -> None:
    headers = v3(live)
    headers["authorization"] = headers["authorization"].replace("x-acs-date;", "")
    assert send(live, "POST", {}, headers)[2]["Code"] == "IncompleteSignature"
    headers = v3(live)
    headers["authorization"] = "ACS3-HMAC-SM3 Credential=a,SignedHeaders=host,Signature=b"
    assert send(live, "POST", {}, headers)[2]["Code"] == "InvalidSignatureMethod"
    headers["authorization"] = "garbage"
    assert send(live, "POST", {}, headers)[2]["Code"] == "MissingAccessKeyId"


def test_a_disabled_key(live: Running) -> None:
    from msgspec.structs import replace

    live.cloud.store.put(replace(seed.KEY, active=False))
    assert send(live, "GET", signed("GET", v1("DescribeRegions")))[2]["Code"] == "InvalidAccessKeyId.Inactive"
