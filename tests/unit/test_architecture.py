"""The rules of the house, kept by reading the code: which way imports run, and where effects are."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_run_one_way(file: Path) -> None:
    if part(file) == "__init__":
        return
    for name in imports(file):
        assert not name.startswith("local_cloud"), f"{file.name} imports {name}"
        if name.startswith("goldrun."):
            target = name.split(".")[1]
            assert target in ALLOWED[part(file)] | {part(file)}, f"{file.name} imports {name}"


def modules(root: Path, files: Iterable[Path]) -> dict[str, set[str]]:
    """Each module, and the modules among ``files`` that it imports, wherever it does."""
    names = {".".join(file.relative_to(root).with_suffix("").parts): set(imports(file)) for file in files}
    # What is imported is a module, or stands in one.
    return {name: {one.rpartition(".")[0] for one in loaded} | loaded & names.keys() for name, loaded in names.items()}


@pytest.mark.parametrize(
    ("root", "files"), [(SOURCE.parent, FILES), (LOCAL.parent, LOCAL_FILES)], ids=["goldrun", "local_cloud"]
)
def test_no_module_imports_itself_by_way_of_others(root: Path, files: list[Path]) -> None:
    TopologicalSorter(modules(root, files)).prepare()


@pytest.mark.parametrize("file", LOCAL_FILES, ids=lambda file: str(file.relative_to(LOCAL)))
def test_the_local_cloud_confirms_it(file: Path) -> None:
    """It knows how a request is signed and what stands in a guest, and nothing else of what goldrun says to a cloud."""
    allowed: tuple[str, ...] = ("goldrun.cloud.signature", "goldrun.errors", "goldrun.clock", "goldrun.waiting")
    allowed += ("goldrun.guest", "goldrun.http.cloud_clock.SPEED_HEADER")
    if file.parent.name == "cli":  # speaks to people as goldrun's other commands do
        allowed += ("goldrun.config", "goldrun.cli", "goldrun.durations")
    for name in imports(file):
        assert not name.startswith("goldrun.") or name.startswith(allowed), f"{file.name} imports {name}"


def calls(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


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


@pytest.mark.parametrize("where", sorted(set(PLACES) - SLEEPERS))
def test_only_the_one_wait_sleeps(where: str) -> None:
    assert not {name for name in calls(PLACES[where]) if name.endswith(".sleep")}


@pytest.mark.parametrize("where", PLACES)
def test_effects_go_through_the_clients_or_the_clock(where: str) -> None:
    file = PLACES[where]
    used = set(calls(file))
    if where not in CLOCKS:
        assert not used & {"time.time", "time.sleep", "time.monotonic", "datetime.now", "asyncio.sleep"}
    if where not in NETWORK:
        loaded = set(imports(file))
        assert not loaded & {"socket", "_socket", "http.client", "ssl", "requests", "urllib.request", "httpx"}


# Parameters of actions, and words of templates, that have the name of a tag.
PARAMETERS = {"Architecture", "ImageId", "Name", "Role"}


def constants(file: Path) -> set[object]:
    return {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_only_the_schema_names_a_tag(file: Path) -> None:
    if file == SOURCE / "cloud/tags.py":
        return
    keys = {tag.key for tag in tags.SCHEMA} - (PARAMETERS if part(file) in ("cloud", "setup") else set())
    assert not keys & constants(file)


def requests(file: Path) -> Iterator[ast.Call]:
    """Where an API's action or path is called, or made into a call."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        method = isinstance(node.func, ast.Attribute) and node.func.attr in ("call", "pages", "ask")
        if method or ast.unparse(node.func) in ("pages_by_token", "Call"):
            yield node


ACTIONS = {
    argument.value
    for file in FILES
    if part(file) == "cloud"
    for request in requests(file)
    for argument in request.args
    if isinstance(argument, ast.Constant)
}
# Policies allow actions; an engine's commands have names like them; a guest has no package of ours.
OTHER_ACTIONS = {"policies.py", "garm/contract.py", "runners/guest/self_destruct.py"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_only_the_clouds_modules_name_an_action_and_only_githubs_a_path(file: Path) -> None:
    if part(file) in ("cloud", "github") or str(file.relative_to(SOURCE)) in OTHER_ACTIONS:
        return
    assert not [ast.unparse(request) for request in requests(file)]
    assert len(ACTIONS) > 30
    assert not ACTIONS & constants(file)
    assert not [text for text in constants(file) if str(text).startswith(("/repos", "/orgs", "/actions/"))]


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


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_look_up_path_leaves_heavy_modules_alone(heavy: str) -> None:
    """A benchmark says how fast it is; this says what would make it slow."""
    code = f"import sys, goldrun.images.find, goldrun.script; print({heavy!r} in sys.modules)"
    assert bare_python(code) == ["False"]


@pytest.mark.parametrize("file", sorted((SOURCE / "cli").glob("*.py")), ids=lambda file: file.name)
def test_commands_print_public_objects(file: Path) -> None:
    """``--json`` is a contract: what is printed is written down in goldrun.cli.json, member by member."""
    assert not {"dataclasses.asdict", "json", "json.dumps"} & set(imports(file)) or file.name == "output.py"


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
