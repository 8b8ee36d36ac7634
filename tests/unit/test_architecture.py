"""The rules of the house, kept by reading the code: which way imports run, and where effects are."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from tools.house import LOCAL, SOURCE, imports, part

from goldrun.cloud import tags

FILES = sorted(SOURCE.rglob("*.py"))
BY_HAND = Path(__file__).parents[1] / "mutants.toml"
LOCAL_FILES = sorted(LOCAL.rglob("*.py"))


# What each part may import beside itself. The wall: what decides (images, launch, bake, runners, sweep, cost) uses what
# the cloud and GitHub say, never the other way round.
BASE = {
    "config",
    "errors",
    "extras",
    "clock",
    "waiting",
    "architecture",
    "durations",
    "language",
    "report",
    "lean",
    "__version__",
}
ALLOWED = {
    "cli": BASE
    | {
        "images",
        "bake",
        "contents",
        "updates",
        "launch",
        "runners",
        "sweep",
        "cost",
        "migrate",
        "serve",
        "setup",
        "doctor",
        "cloud",
        "github",
        "http",
    }
    | {"workflow", "stdio", "policies", "interrupts", "messages", "settings", "setting_files", "script"},
    "serve": BASE | {"images", "launch", "runners", "cloud", "github", "http", "interrupts", "guest", "toml_file"},
    "garm": BASE | {"images", "launch", "runners", "cloud", "github", "http", "interrupts", "stdio"},
    "setup": BASE | {"cloud", "github", "policies"},
    "doctor": BASE | {"images", "runners", "sweep", "cost", "cloud", "github", "policies"},
    "sweep": BASE | {"images", "launch", "runners", "cloud", "github", "http"},
    "cost": BASE | {"launch", "cloud"},
    "migrate": {"errors"},
    "bake": BASE | {"images", "launch", "cloud", "toml_file", "contents"},
    "contents": BASE | {"cloud"},
    "updates": BASE | {"bake", "contents", "github", "http"},
    "runners": BASE | {"launch", "cloud", "github", "http", "guest"},
    "images": BASE | {"launch", "cloud", "http"},
    "launch": BASE | {"cloud", "http"},
    "cloud": BASE | {"http", "aliyun_profile"},
    "github": BASE | {"http"},
    "http": {"config", "errors", "clock", "waiting", "lean", "__version__"},
    "config": {"errors", "lean"},
    "setting_files": {"config"},
    "aliyun_profile": {"config", "errors"},
    "workflow": {"config", "errors", "language"},
    "language": {"config", "messages"},
    "messages": set(),
    "architecture": {"errors"},
    "durations": {"errors"},
    "report": set(),
    "toml_file": {"errors"},
    "interrupts": set(),
    "extras": {"errors"},
    "settings": {"config", "errors", "toml_file", "setting_files"},
    "__main__": {"cli"},
    "script": {"interrupts", "stdio", "workflow", "config", "errors", "language"},
    "stdio": {"workflow", "config", "errors", "http"},
    "policies": {"cloud", "errors"},
    "errors": set(),
    "guest": set(),
    "clock": {"lean"},
    "lean": set(),
    "waiting": {"clock", "errors"},
}


@dataclass(frozen=True)
class Code:
    """What stands in a module.

    Attributes:
        imports: the full names of everything that it imports.
        attributes: ``time.sleep`` and the like.
        constants: its literals.
        requests: where an API's action or path is called, or made into a call.
    """

    imports: frozenset[str]
    attributes: frozenset[str]
    constants: frozenset[object]
    requests: tuple[ast.Call, ...]


@cache
def code_of(file: Path) -> Code:
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    calls = (node for node in nodes if isinstance(node, ast.Call))
    return Code(
        imports=frozenset(imports(file)),
        attributes=frozenset(ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)),
        constants=frozenset(node.value for node in nodes if isinstance(node, ast.Constant)),
        requests=tuple(call for call in calls if is_request(call)),
    )


def is_request(call: ast.Call) -> bool:
    method = isinstance(call.func, ast.Attribute) and call.func.attr in ("call", "pages", "ask")
    return bool(call.args) and (method or ast.unparse(call.func) in ("pages_by_token", "Call"))


def may_import(file: Path, name: str) -> bool:
    package, _, rest = name.partition(".")
    if package == "goldrun" and rest:
        return rest.split(".")[0] in ALLOWED[part(file)] | {part(file)}
    return package != "local_cloud"


def test_imports_run_one_way() -> None:
    files = [file for file in FILES if part(file) != "__init__"]
    wrong = [f"{file} imports {name}" for file in files for name in code_of(file).imports if not may_import(file, name)]
    assert wrong == []


def modules(root: Path, files: Iterable[Path]) -> dict[str, set[str]]:
    """Each module, and the modules among ``files`` that it imports, wherever it does."""
    names = {".".join(file.relative_to(root).with_suffix("").parts): code_of(file).imports for file in files}
    # What is imported is a module, or stands in one.
    return {name: {one.rpartition(".")[0] for one in loaded} | loaded & names.keys() for name, loaded in names.items()}


@pytest.mark.parametrize(
    ("root", "files"), [(SOURCE.parent, FILES), (LOCAL.parent, LOCAL_FILES)], ids=["goldrun", "local_cloud"]
)
def test_no_module_imports_itself_by_way_of_others(root: Path, files: list[Path]) -> None:
    TopologicalSorter(modules(root, files)).prepare()


# How a request is signed, and what stands in a guest: nothing else of what goldrun says to a cloud.
CONFIRMED = (
    "goldrun.cloud.signature",
    "goldrun.errors",
    "goldrun.clock",
    "goldrun.waiting",
    "goldrun.guest",
    "goldrun.http.cloud_clock.SPEED_HEADER",
)
# Its commands speak to people as goldrun's others do.
SPOKEN = ("goldrun.config", "goldrun.cli", "goldrun.durations")


def test_the_local_cloud_confirms_it() -> None:
    wrong = []
    for file in LOCAL_FILES:
        allowed = CONFIRMED + SPOKEN if file.parent.name == "cli" else CONFIRMED
        names = [name for name in code_of(file).imports if name.startswith("goldrun.") and not name.startswith(allowed)]
        wrong += [f"{file} imports {name}" for name in names]
    assert wrong == []


CLOCKS = {"goldrun/clock.py", "local_cloud/clock.py"}
NETWORK = {
    "goldrun/http/http1.py",
    "goldrun/http/tls.py",
    "goldrun/http/transport.py",
    "local_cloud/listening.py",
    "local_cloud/server.py",
    "local_cloud/servers.py",
    "local_cloud/control_client.py",
}
# The one door of `goldrun serve`.
NETWORK.add("goldrun/serve/metrics_server.py")
NETWORK |= {
    "local_cloud/machines/port_forwarding.py",
    "local_cloud/machines/guest_agent.py",
    "local_cloud/machines/forward.py",
    "local_cloud/github/webhooks.py",
}
# Asks where this computer keeps the certificates that it trusts.
NETWORK.add("local_cloud/tls.py")
# What runs on an instance has that machine alone.
NETWORK.add("goldrun/runners/guest/self_destruct.py")
CLOCKS.add("goldrun/runners/guest/self_destruct.py")


PLACES = {f"goldrun/{file.relative_to(SOURCE)}": file for file in FILES}
PLACES |= {f"local_cloud/{file.relative_to(LOCAL)}": file for file in LOCAL_FILES}


# The one loop that sleeps, and clocks that hand a sleep on to another clock.
SLEEPERS = CLOCKS | {"goldrun/waiting.py", "goldrun/http/cloud_clock.py", "goldrun/http/trace.py"}


def test_only_the_one_wait_sleeps() -> None:
    sleep = {
        where for where, file in PLACES.items() if any(name.endswith(".sleep") for name in code_of(file).attributes)
    }
    assert sleep <= SLEEPERS


def test_only_clocks_read_a_clock() -> None:
    clocks = {"time.time", "time.sleep", "time.monotonic", "datetime.now", "asyncio.sleep"}
    assert {where for where, file in PLACES.items() if code_of(file).attributes & clocks} <= CLOCKS


def test_only_clients_and_servers_have_a_network() -> None:
    network = {"socket", "_socket", "http.client", "ssl", "requests", "urllib.request", "httpx"}
    assert {where for where, file in PLACES.items() if code_of(file).imports & network} <= NETWORK


# Parameters of actions, and words of templates, that have the name of a tag.
PARAMETERS = {"Architecture", "ImageId", "Name", "Role"}


def test_only_the_schema_names_a_tag() -> None:
    wrong = {}
    for file in FILES:
        keys = {tag.key for tag in tags.SCHEMA} - (PARAMETERS if part(file) in ("cloud", "setup") else set())
        if (named := keys & code_of(file).constants) and file != SOURCE / "cloud/tags.py":
            wrong[file] = named
    assert wrong == {}


# Policies allow actions; an engine's commands have names like them; a guest has no package of ours.
OTHER_ACTIONS = {"policies.py", "garm/contract.py", "runners/guest/self_destruct.py"}


def test_only_the_clouds_modules_name_an_action_and_only_githubs_a_path() -> None:
    asked = [request for file in FILES if part(file) == "cloud" for request in code_of(file).requests]
    actions = {argument.value for one in asked for argument in one.args if isinstance(argument, ast.Constant)}
    assert len(actions) > 30
    wrong: dict[Path, list[object]] = {}
    for file in FILES:
        if part(file) in ("cloud", "github") or str(file.relative_to(SOURCE)) in OTHER_ACTIONS:
            continue
        paths = [text for text in code_of(file).constants if str(text).startswith(("/repos", "/orgs", "/actions/"))]
        found = [
            *(ast.unparse(request) for request in code_of(file).requests),
            *actions & code_of(file).constants,
            *paths,
        ]
        if found:
            wrong[file] = found
    assert wrong == {}


def bare_python(code: str) -> list[str]:
    """The words that ``code`` prints, run with the sources and the standard library alone."""
    env = {"PYTHONPATH": str(SOURCE.parent)}
    run = subprocess.run([sys.executable, "-S", "-c", code], env=env, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_the_look_up_path_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules);"
        "import goldrun.images.find, goldrun.images.diagnosis, goldrun.script, goldrun.clock;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    assert bare_python(code) == ["goldrun"]


def test_launching_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules);"
        "import goldrun.images.resolve, goldrun.launch.environment, goldrun.launch.acquire;"
        "import goldrun.script, goldrun.clock;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    assert bare_python(code) == ["goldrun"]


HEAVY = [
    "dataclasses",
    "inspect",
    "email",
    "http",
    "ssl",
    "pathlib",
    "asyncio",
    "urllib.request",
    "goldrun.aliyun_profile",
    "goldrun.messages",
    "gettext",
    "goldrun.http.trace",
    *("typing", "collections", "re", "json", "socket", "hashlib", "hmac", "base64", "urllib.parse", "threading"),
    *("contextlib", "signal", "encodings.idna"),
]


def test_the_look_up_path_leaves_heavy_modules_alone() -> None:
    """A benchmark says how fast it is; this says what would make it slow."""
    code = f"import sys, goldrun.images.find, goldrun.script; print(*set(sys.modules) & set({HEAVY}))"
    assert bare_python(code) == []


def test_commands_print_public_objects() -> None:
    """``--json`` is a contract: what is printed is written down in goldrun.cli.json, member by member."""
    ways = {"dataclasses.asdict", "json", "json.dumps"}
    assert {file.name for file in (SOURCE / "cli").glob("*.py") if ways & code_of(file).imports} <= {"output.py"}


@pytest.mark.parametrize("noun", ["image", "spot", "policy"])
def test_help_loads_no_client_no_build_no_rich(noun: str) -> None:
    """A benchmark says how long a noun takes to start (`make bench-start`); this says what would make it slow."""
    code = (
        "import sys; from goldrun.cli.main import goldrun\n"
        f"try: goldrun.main([{noun!r}, '--help'], standalone_mode=False)\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"rich", "msgspec", "platformdirs", "concurrent.futures", "goldrun.bake.build", "ssl"}
    loaded = set(run.stderr.split())
    assert "click" in loaded
    assert not heavy & loaded


def test_every_change_by_hand_can_still_be_made() -> None:
    """`make mutants` stops at one whose text is not there any more."""
    changes = [one for several in tomllib.loads(BY_HAND.read_text()).values() for one in several]
    missing = [one["old"] for one in changes if (SOURCE / one["file"]).read_text().count(one["old"]) != 1]
    assert not missing
