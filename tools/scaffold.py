"""Starts a new action of the local cloud: a function with its parameters, and a test with the official SDK.

Usage: make scaffold ACTION=RebootInstance [IN=instances]

The parameters come from api.json, which has those of every ECS action. Without IN, the function goes to the module that
performs the most similar action, here StartInstance's.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
from pathlib import Path

import local_cloud.actions  # noqa: F401 - fills ACTIONS
from local_cloud.actions.registry import ACTIONS
from local_cloud.params import products

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "packages/local-cloud/src/local_cloud/actions"
TESTS = ROOT / "packages/local-cloud/tests"
READERS = {"Boolean": "flag", "RepeatList": "items"}


def snake(name: str) -> str:
    """``RebootInstance`` as ``reboot_instance``; ``ImageOptions.Name`` as ``image_options_name``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace(".", "_").lower()


def home(action: str) -> Path:
    """Return the module of the most similar action."""
    performed = {name: entry for (product, name), entry in ACTIONS.items() if product == "ecs"}
    nearest = difflib.get_close_matches(action, performed, n=1, cutoff=0.0)[0]
    return Path(inspect.getsourcefile(inspect.unwrap(performed[nearest].perform)) or "")


def function(action: str, types: dict[str, str]) -> str:
    """Return the function, with a line for each parameter."""
    options = "" if "RegionId" in types else ", regionless=True"
    options += ", idempotent=True" if "ClientToken" in types else ""
    lines = []
    for name, kind in types.items():
        plain = kind.rstrip("!")
        if name in ("RegionId", "ClientToken", "DryRun") or plain == "Struct":
            continue  # the gateway's and the registry's; a Struct's members follow it
        reader = READERS.get(plain, "require" if kind.endswith("!") else "text")
        lines.append(f'    {snake(name)} = call.params.{reader}("{name}")\n')
    if "DryRun" in types:
        lines.append('    if call.params.flag("DryRun"):\n        raise dry_run()\n')
    return (
        f'@action("{action}"{options})\ndef {snake(action)}(call: Call) -> Answer:\n'
        f'    """TODO: what it does, in one sentence."""\n{"".join(lines)}    raise NotImplementedError("{action}")\n'
    )


def test(action: str, types: dict[str, str]) -> str:
    """Return a test that calls it with its required parameters."""
    given = ", ".join(f'{snake(name)}="TODO"' for name, kind in types.items() if kind.endswith("!"))
    return (
        f'"""{action} as the official SDK calls it."""\n\nfrom __future__ import annotations\n\n'
        "from alibabacloud_ecs20140526 import models\n\n"
        "from sdk import ecs, refused\nfrom tests.conftest import Running\n\n\n"
        f"def test_{snake(action)}(populated: Running) -> None:\n"
        f"    request = models.{action}Request({given})\n"
        f"    assert ecs(populated).{snake(action)}(request).body.request_id\n"
        f'    assert refused(lambda: ecs(populated).{snake(action)}(request)) == (403, "TODO")\n'
    )


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", help="the action, e.g. RebootInstance")
    parser.add_argument("--module", help="where it goes, e.g. instances (default: beside the most similar action)")
    arguments = parser.parse_args()
    action = arguments.action
    known = products()["ecs"].actions
    if ("ecs", action) in ACTIONS:
        parser.error(f"the local cloud performs {action} already")
    if action not in known:
        near = ", ".join(difflib.get_close_matches(action, known)) or "see api.json"
        parser.error(f"ECS has no action {action}. Did you mean: {near}?")
    module = FOLDER / f"{arguments.module}.py" if arguments.module else home(action)
    file = TESTS / f"test_{snake(action)}.py"
    text = module.read_text(encoding="utf-8")
    # After the last action, before the helpers.
    end = re.compile(r"\n\n\n(?!@action)|\Z").search(text, text.rindex("\n@action(") + 1)
    assert end
    after = text[end.start() :]
    new = function(action, known[action]).rstrip()
    module.write_text(f"{text[: end.start()].rstrip()}\n\n\n{new}{after or chr(10)}", encoding="utf-8")
    file.write_text(test(action, known[action]), encoding="utf-8")
    for written in (module, file):
        print(written.relative_to(ROOT))
    print("Fill in what says TODO, then: make test")


if __name__ == "__main__":
    main()
