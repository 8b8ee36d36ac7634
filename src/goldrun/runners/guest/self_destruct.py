"""Deletes the instance that it runs on: by the API if the instance's role allows it, else by switching it off.

Runs on instances, on any Python 3, beside ``signature.py``: standard library alone. It does not return while the
instance exists.

Usage: python3 self_destruct.py REASON [ENDPOINT]
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from goldrun.cloud import signature

METADATA = "http://100.100.100.200/latest"
TRY_SECONDS = 10
POWER_OFF_SECONDS = 300  # how long to try the API before switching off
TIMEOUT = 10
PARKED = "/run/goldrun/parked"


def ask(path: str, method: str = "GET", headers: dict[str, str] | None = None) -> str:
    """Return the metadata service's answer."""
    request = urllib.request.Request(METADATA + path, method=method, headers=headers or {})  # noqa: S310 - plain HTTP
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=TIMEOUT) as answer:
        return str(answer.read().decode())


def identity() -> tuple[str, str, dict[str, str]]:
    """Return region, instance id and the role's temporary key."""
    token = {"X-aliyun-ecs-metadata-token": ask("/api/token", "PUT", {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"})}
    region, instance = (ask("/meta-data/" + name, headers=token) for name in ("region-id", "instance-id"))
    role = ask("/meta-data/ram/security-credentials/", headers=token).split()[0]
    key = json.loads(ask("/meta-data/ram/security-credentials/" + role, headers=token))
    return region, instance, key


def delete(endpoint: str, region: str, instance: str, key: dict[str, str]) -> None:
    """Request the deletion from the API."""
    query = signature.canonical_query({"RegionId": region, "InstanceId": instance, "Force": "true"})
    empty = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": urllib.parse.urlsplit(endpoint).netloc,
        "x-acs-action": "DeleteInstance",
        "x-acs-content-sha256": empty,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-security-token": key["SecurityToken"],
        "x-acs-signature-nonce": os.urandom(16).hex(),
        "x-acs-version": "2014-05-26",
    }
    headers["authorization"] = signature.authorization_v3(
        "POST",
        "/",
        query,
        headers,
        empty,
        access_key_id=key["AccessKeyId"],
        access_key_secret=key["AccessKeySecret"],
    )
    request = urllib.request.Request(f"{endpoint}/?{query}", data=b"", headers=headers)  # noqa: S310 - the API's
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        answer.read()


def describe_error(error: Exception) -> str:
    """Return what an error says, and what the answer says, if it is one."""
    if not isinstance(error, urllib.error.HTTPError):
        return str(error)
    with error:
        return f"{error} {error.read()[:300].decode('utf-8', 'replace')}"


def is_parked() -> bool:
    """Return whether the system shuts down to be started again (``park.sh``)."""
    if not os.access(PARKED, os.F_OK):
        return False
    state = subprocess.run(["systemctl", "is-system-running"], capture_output=True, text=True, check=False)
    return state.stdout.strip() == "stopping"


def say(words: str) -> None:
    """Print to the console, which can be read for a while after the deletion."""
    print("goldrun: " + words, flush=True)  # noqa: T201 - this is its output


def main() -> None:
    """Try until the instance is gone."""
    reason, endpoint = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
    if is_parked():
        say("this instance is stopped, to be started again")
        return
    say("deleting this instance: " + reason)
    start = time.monotonic()
    while True:
        try:
            region, instance, key = identity()
            # The first one needs no internet access from inside a VPC.
            usual = [f"https://ecs-vpc.{region}.aliyuncs.com", f"https://ecs.{region}.aliyuncs.com"]
            for address in [endpoint] if endpoint else usual:
                try:
                    delete(address, region, instance, key)
                    say("deletion asked for at " + address)
                    break
                except Exception as error:  # noqa: BLE001 - an answer that is none must not end this
                    say(f"{address}: {describe_error(error)}")
        except Exception as error:  # noqa: BLE001 - neither must what the metadata service says
            said = describe_error(error)
            say(f"no role to delete itself with ({said}): add one, so that it is deleted and not only switched off")
            start = min(start, time.monotonic() - POWER_OFF_SECONDS)
        if time.monotonic() - start >= POWER_OFF_SECONDS:
            # A sweep, or its release time, deletes a stopped instance.
            subprocess.call(["systemctl", "poweroff", "--force"])
        time.sleep(TRY_SECONDS)


if __name__ == "__main__":
    main()
