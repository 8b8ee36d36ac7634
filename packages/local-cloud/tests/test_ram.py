"""RAM by its official SDKs: the table's calls, and what roles, policies and providers then mean."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribeImagesRequest
from alibabacloud_ims20190815 import client as ims_client
from alibabacloud_ims20190815 import models as ims_models
from alibabacloud_ram20150501 import client as ram_client
from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_sts20150401.models import AssumeRoleRequest, AssumeRoleWithOIDCRequest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from tests.conftest import REGION, Running

from conformance.driver import Answer, play
from conformance.identities import IDENTITIES
from local_cloud import seed
from local_cloud.github.api import JOB_TOKEN
from local_cloud.github.router import PREFIX
from sdk import config, ecs, refused

ACCOUNT = seed.ACCOUNT
ARN = f"acs:ram::{ACCOUNT}:role/ci-role"
SDKS: dict[str, tuple[Any, Any]] = {"ram": (ram_client, ram_models), "ims": (ims_client, ims_models)}


class Sdks:
    """Makes calls by name with the SDKs' own types."""

    def __init__(self, cloud: Running) -> None:
        self.clients = {product: module.Client(config(cloud)) for product, (module, _) in SDKS.items()}

    def __call__(self, product: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        request = getattr(SDKS[product][1], f"{action}Request")().from_map(dict(parameters))
        sent = request.to_map()
        assert set(parameters) <= set(sent), "the SDK does not know a parameter"
        client = self.clients[product]
        name = next(name for name in dir(client) if name.replace("_", "") == action.lower())
        try:
            return Answer(getattr(client, name)(request).body.to_map())
        except AlibabaCloudException as error:
            return Answer({}, error.code)

    def must(self, product: str, action: str, **parameters: Any) -> Mapping[str, Any]:
        answer = self(product, action, parameters)
        assert not answer.error, (action, answer.error)
        return answer.members


def test_the_table(populated: Running) -> None:
    assert play(populated, IDENTITIES, Sdks(populated)) == []


def trust(**principal: list[str]) -> str:
    return json.dumps(
        {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    )


def policy(*actions: str, effect: str = "Allow", resource: str = "*") -> str:
    return json.dumps(
        {"Version": "1", "Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource}]}
    )


def assume(cloud: Running) -> Any:
    """A client with the role's temporary key."""
    keys = StsClient(config(cloud)).assume_role(AssumeRoleRequest(role_arn=ARN, role_session_name="test")).body
    held = keys.credentials
    more = {
        "access_key_id": held.access_key_id,
        "access_key_secret": held.access_key_secret,
        "security_token": held.security_token,
    }
    return ecs(cloud, **more)


def look(client: Any) -> Any:
    return client.describe_images(DescribeImagesRequest(region_id=REGION))


def test_a_created_role_may_do_what_is_attached_to_it_and_nothing_else(populated: Running) -> None:
    sdk = Sdks(populated)
    sdk.must("ram", "CreateRole", RoleName="ci-role", AssumeRolePolicyDocument=trust(RAM=[f"acs:ram::{ACCOUNT}:root"]))
    client = assume(populated)
    assert refused(lambda: look(client)) == (403, "Forbidden.RAM")
    sdk.must("ram", "CreatePolicy", PolicyName="look", PolicyDocument=policy("ecs:DescribeImages"))
    sdk.must("ram", "AttachPolicyToRole", PolicyName="look", PolicyType="Custom", RoleName="ci-role")
    assert look(client).body.images.image
    sdk.must(
        "ram",
        "CreatePolicyVersion",
        PolicyName="look",
        PolicyDocument=policy("ecs:DescribeImages", effect="Deny"),
        SetAsDefault=True,
    )
    assert refused(lambda: look(client)) == (403, "Forbidden.RAM")
    sdk.must("ram", "DetachPolicyFromRole", PolicyName="look", PolicyType="Custom", RoleName="ci-role")
    for name in ("AliyunECSReadOnlyAccess", "AliyunECSFullAccess", "AdministratorAccess", "ReadOnlyAccess"):
        sdk.must("ram", "AttachPolicyToRole", PolicyName=name, PolicyType="System", RoleName="ci-role")
        assert look(client).body.images.image, name
        sdk.must("ram", "DetachPolicyFromRole", PolicyName=name, PolicyType="System", RoleName="ci-role")
    sdk.must("ram", "AttachPolicyToRole", PolicyName="AliyunVPCFullAccess", PolicyType="System", RoleName="ci-role")
    assert refused(lambda: look(client)) == (403, "Forbidden.RAM")


def test_a_policy_that_cannot_be_evaluated_here_is_not_taken_for_another(populated: Running) -> None:
    sdk = Sdks(populated)
    sdk.must("ram", "CreateRole", RoleName="ci-role", AssumeRolePolicyDocument=trust(RAM=[f"acs:ram::{ACCOUNT}:root"]))
    document = policy("ecs:*", resource="acs:ecs:*:*:instance/*")
    sdk.must("ram", "CreatePolicy", PolicyName="narrow", PolicyDocument=document)
    sdk.must("ram", "AttachPolicyToRole", PolicyName="narrow", PolicyType="Custom", RoleName="ci-role")
    client = assume(populated)
    assert refused(lambda: look(client)) == (501, "NotImplemented.LocalCloud")


def test_a_created_role_is_assumed_by_whom_it_trusts(populated: Running) -> None:
    sdk = Sdks(populated)
    sdk.must("ram", "CreateRole", RoleName="ci-role", AssumeRolePolicyDocument=trust(Service=["ecs.aliyuncs.com"]))
    assert refused(lambda: assume(populated)) == (403, "NoPermission")


@pytest.mark.parametrize(
    ("issuer", "clients", "code"),
    [
        ("", "sts.aliyuncs.com,other", ""),
        ("", "other", "AuthenticationFail.OIDCToken.AudienceNotMatch"),
        ("https://example.com", "sts.aliyuncs.com", "AuthenticationFail.OIDCToken.IssuerNotMatch"),
    ],
)
def test_a_registered_provider_has_its_issuer_and_its_audiences(
    populated: Running, issuer: str, clients: str, code: str
) -> None:
    sdk = Sdks(populated)
    url = f"{populated.url}{PREFIX}/_services/token"
    provider = sdk.must(
        "ims",
        "CreateOIDCProvider",
        OIDCProviderName="github",
        IssuerUrl=issuer or url,
        ClientIds=clients,
        Fingerprints="1" * 40,
    )["OIDCProvider"]["Arn"]
    sdk.must("ram", "CreateRole", RoleName="ci-role", AssumeRolePolicyDocument=trust(Federated=[provider]))
    asked = urllib.request.Request(
        f"{url}/request?repository=octo-org/octo-repo&audience=sts.aliyuncs.com",
        headers={"authorization": f"Bearer {JOB_TOKEN}"},
    )
    token = json.load(urllib.request.urlopen(asked, timeout=20))["value"]
    request = AssumeRoleWithOIDCRequest(
        role_arn=ARN, oidcprovider_arn=provider, oidctoken=token, role_session_name="test"
    )
    sts = StsClient(config(populated))
    if code:
        assert refused(lambda: sts.assume_role_with_oidc(request)) == (401, code)
    else:
        assert sts.assume_role_with_oidc(request).body.credentials.security_token
    sdk.must("ram", "UpdateRole", RoleName="ci-role", NewAssumeRolePolicyDocument=trust(Federated=["acs:ram::1:x"]))
    assert refused(lambda: sts.assume_role_with_oidc(request))[0] == 401
