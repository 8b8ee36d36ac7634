"""What root does on a machine, run here: the user data itself, in a folder, with stand-ins for the system."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from goldrun.garm import provider
from goldrun.runners import bootstrap as bootstraps
from goldrun.runners.bootstrap import Bootstrap, configuration, user_data
from local_cloud.machines import supervisor

ROOT = os.geteuid() == 0
SCRIPTS = Path(bootstraps.__file__).parent / "guest"
TIME = "2026-11-18T18:02:00Z"
TOKEN = "planted-instance-token"
# The paths that root uses, and what stands for them in the folder.
PLACES = (
    "/opt/goldrun",
    "/opt/actions-runner",
    "/run/goldrun",
    "/home/runner",
    "/var/lib/cloud",
    "/usr/local/share/ca-certificates",
    "/etc/sudoers.d",
)
STANDINS = {
    # Runs the agent as systemd would; everything else is written down.
    "systemd-run": """#!/bin/bash
printf '%s\\n' "$*" >> "$HERE/units"
[[ "$*" != *"$(cat "$HERE/fails" 2>/dev/null || echo '/never/')"* ]] || exit 1
[[ "$*" == *--unit=goldrun-runner* ]] || exit 0
while [[ $1 == --* ]]; do shift; done
"$@"
exit 0
""",
    "systemctl": """#!/bin/bash
echo "systemctl $*" >> "$HERE/units"
case $1 in
  list-units) echo 'actions.runner.garm.service loaded' ;;
  is-active) [[ -e "$HERE/home/runner/active" ]] ;;
  stop) rm "$HERE/home/runner/active" ;;
esac
""",
    "python3": """#!/bin/bash
[[ "$*" == *self_destruct.py* ]] || exec "$PYTHON" "$@"
echo "self-destruct: $2" >> "$HERE/units"
""",
    # This machine's processes: other tests have theirs.
    "pgrep": """#!/bin/bash
for process in $(/usr/bin/pgrep "$@"); do
  [[ $(readlink "/proc/${process}/exe") != "$HERE"/* ]] || exit 0
done
exit 1
""",
    "wall": "#!/bin/bash\n",
    "update-ca-certificates": "#!/bin/bash\n",
    "useradd": "#!/bin/bash\n",
    "curl": """#!/bin/bash
printf '%s\\n' "$*" >> "$HERE/curl"
words="$*" out=/dev/stdout
while (($#)); do [[ $1 != -o ]] || out=$2; shift; done
case "${words}" in
  */api/token*) echo a-token ;;
  */spot/termination-time*) cat "$HERE/termination" 2> /dev/null || exit 22 ;;
  *runner.tar.gz*) cat "$HERE/archive" > "${out}" ;;
  */credentials/*) echo '{"agentId": 7}' > "${out}" ;;
  */install-script/*) cat "$HERE/template" 2> /dev/null || exit 22 ;;
  */systemd/unit-file*) cat "$HERE/unit-file" 2> /dev/null || exit 22 ;;
esac
""",
}
# Where a test cannot become another user, root and the runner are the same one.
SAME_USER = {
    "setpriv": '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n',
    "id": "#!/bin/bash\necho 1000\n",
    "chown": "#!/bin/bash\n",
    "install": """#!/bin/bash
words=()
while (($#)); do case $1 in -o | -g) shift ;; *) words+=("$1") ;; esac; shift; done
exec /usr/bin/install "${words[@]}"
""",
}


@dataclass
class Guest:
    """A machine in a folder."""

    here: Path
    settings: dict[str, str] = field(default_factory=lambda: {"JITCONFIG": "a-configuration"})

    def path(self, place: str) -> Path:
        return self.here / place.lstrip("/")

    def write(self, place: str, text: str, mode: int = 0o644) -> Path:
        path = self.path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def archive(self, run: str) -> str:
        """GitHub's archive, with ``run`` as its run.sh; returns its checksum."""
        packed = io.BytesIO()
        parts = {"run.sh": run, "bin/installdependencies.sh": f"#!/bin/bash\necho $0 > {self.here}/dependencies\n"}
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in parts.items():
                entry = tarfile.TarInfo(f"./{name}")
                entry.size, entry.mode = len(text.encode()), 0o755
                archive.addfile(entry, io.BytesIO(text.encode()))
        (self.here / "archive").write_bytes(packed.getvalue())
        return hashlib.sha256(packed.getvalue()).hexdigest()

    def image_has(self, run: str) -> None:
        """The image has the runner already."""
        self.write("/home/runner/actions-runner/run.sh", run, 0o755)
        self.belongs_to_the_runner("/home/runner")

    def image_ships(self, run: str, version: str) -> None:
        """The image has the runner where other builders put it, as root's."""
        self.write("/opt/actions-runner/run.sh", run, 0o755)
        self.write("/opt/actions-runner/bin/Runner.Listener", f"#!/bin/bash\necho {version}\n", 0o755)

    def belongs_to_the_runner(self, place: str) -> None:
        if ROOT:
            for path in (self.path(place), *self.path(place).rglob("*")):
                shutil.chown(path, "nobody", "nogroup")

    def boot(self, bootstrap: Bootstrap, more: dict[str, str] | None = None) -> str:
        """Run the user data; returns what the console shows."""
        text = user_data(bootstrap, more).decode()
        for place in PLACES:
            text = text.replace(place, str(self.path(place)))
        text = text.replace("/dev/console", str(self.here / "console"))
        if ROOT:
            text = text.replace("--reuid=runner --regid=runner", "--reuid=nobody --regid=nogroup")
            text = text.replace("-o runner -g runner", "-o nobody -g nogroup").replace("id runner", "id nobody")
            text = text.replace("runner:runner", "nobody:nogroup")
        if self.settings:
            self.write("/run/goldrun/config", configuration(self.settings).decode(), 0o600)
        environment = {
            "PATH": f"{self.here / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HERE": str(self.here),
            "TMPDIR": str(self.here),
            "PYTHON": shutil.which("python3") or "",
        }
        # Nothing that it has started is left in the end, as on a machine that is deleted.
        lifeline, held = os.pipe()
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", supervisor.__file__, "", "bash", "-c", text],
                stdin=lifeline,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                cwd="/",
            )
        finally:
            os.close(held)
            os.close(lifeline)
        return done.stdout + done.stderr

    @property
    def units(self) -> list[str]:
        return (self.here / "units").read_text().splitlines()


@pytest.fixture
def guest() -> Iterator[Guest]:
    # Not pytest's own folder: only this user may enter that one.
    # What the supervisor is still ending on a busy machine may write once more while the folder is removed.
    with tempfile.TemporaryDirectory(prefix="guest-", ignore_cleanup_errors=True) as folder:
        here = Path(folder)
        here.chmod(0o755)
        (here / "bin").mkdir()
        (here / "tmp").mkdir()
        for place in ("/home/runner", "/opt", "/run"):
            (here / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for name, text in {**STANDINS, **({} if ROOT else SAME_USER)}.items():
            (here / "bin" / name).write_text(text)
            (here / "bin" / name).chmod(0o755)
        guest = Guest(here)
        guest.belongs_to_the_runner("/home/runner")
        yield guest


def quick(**more: Any) -> Bootstrap:
    limits = {"config_seconds": 5, "job_seconds": 60, "notice_seconds": 20, "examine_seconds": 0}
    return Bootstrap(life=3600.0, **{**limits, **more})


def engine() -> str:
    return (Path(provider.__file__).parent / "engine.sh").read_text(encoding="utf-8")


ENGINE = {
    "CALLBACK_URL": "",
    "METADATA_URL": "https://garm.example.com/metadata",
    "INSTANCE_TOKEN": TOKEN,
    "JIT": "true",
    "REPO_URL": "https://github.com/o/r",
    "RUNNER_NAME": "garm-one",
    "LABELS": "a",
    "GROUP": "",
}
needs_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")


def test_a_spot_notice_overwrites_nothing_through_a_link_of_the_jobs(guest: Guest) -> None:
    """Root wrote it into a folder that the job owns, and followed the link that the job had put there."""
    victim = guest.write("/etc/passwd", "root's own\n")
    guest.image_has(f"""#!/bin/bash
for folder in "$(dirname "$GOLDRUN_SPOT_NOTICE")" "$(dirname "$GOLDRUN_JOB_MARK")"; do
  ln -sf {victim} "$folder/spot-notice" 2> /dev/null
  ln -sf {victim} "$folder/.spot-notice" 2> /dev/null
done
echo {TIME} > {guest.here}/tmp/termination
for ((try = 0; try < 100; try++)); do
  grep -qs {TIME} "$GOLDRUN_SPOT_NOTICE" && cat "$GOLDRUN_SPOT_NOTICE" > {guest.path("/home/runner")}/seen && break
  sleep 0.1
done
""")
    if ROOT:
        (guest.here / "tmp").chmod(0o777)
    (guest.here / "termination").symlink_to("tmp/termination")
    console = guest.boot(quick())
    assert f"takes this instance back at {TIME}" in console
    assert victim.read_text() == "root's own\n"
    assert guest.path("/home/runner/seen").read_text() == f"{TIME}\n"


@needs_root
def test_the_job_may_read_the_notices_folder_and_not_change_it(guest: Guest) -> None:
    guest.image_has(f"""#!/bin/bash
folder=$(dirname "$GOLDRUN_SPOT_NOTICE")
cd "$folder" || exit
touch "$folder/mine" 2> /dev/null && exit
: > "$GOLDRUN_JOB_MARK" && id -un > {guest.path("/home/runner")}/who
""")
    guest.boot(quick())
    assert guest.path("/home/runner/who").read_text() == "nobody\n"


@needs_root
@pytest.mark.parametrize("has_runner", [True, False])
def test_root_follows_no_links_in_the_runners_folders(guest: Guest, has_runner: bool) -> None:
    """A process of the runner's user that is there before: a service of the image's, or what the setup has started."""
    theirs = guest.write("/etc/theirs/run.sh" if has_runner else "/etc/theirs/kept", "#!/bin/bash\n", 0o755).parent
    before = [path.name for path in theirs.iterdir()]
    guest.path("/home/runner/actions-runner").symlink_to(theirs)
    sha256 = guest.archive("#!/bin/bash\n")
    guest.boot(quick(runner_url="https://example.com/runner.tar.gz", runner_sha256=sha256))
    assert [path.name for path in theirs.iterdir()] == before
    assert {path.stat().st_uid for path in (theirs, *theirs.iterdir())} == {0}


@needs_root
def test_an_engines_credentials_are_not_written_through_links(guest: Guest) -> None:
    victim = guest.write("/etc/passwd", "root's own\n", 0o600)
    guest.image_has("#!/bin/bash\n")
    # Between the folder's making and the first credential.
    links = "".join(f"ln -s {victim} /run/goldrun-runner/.{one}; " for one in ("runner", "credentials"))
    late = engine().replace("configure() {", f"configure() {{ {links}", 1)
    guest.settings = {}
    guest.boot(quick(engine=late), ENGINE)
    assert victim.read_text() == "root's own\n"
    assert (victim.stat().st_uid, victim.stat().st_mode & 0o777) == (0, 0o600)


def test_a_runner_that_the_image_ships_elsewhere_is_used(guest: Guest) -> None:
    """Images of other builders have it in /opt/actions-runner, as root's."""
    guest.image_ships(f"#!/bin/bash\npwd > {guest.path('/home/runner')}/where\n", "2.331.0")
    console = guest.boot(quick())
    assert "using the image's runner 2.331.0" in console
    assert guest.path("/home/runner/where").read_text() == f"{guest.path('/home/runner/actions-runner')}\n"
    assert not (guest.here / "curl").exists() or "runner.tar.gz" not in (guest.here / "curl").read_text()


@pytest.mark.parametrize("version", ["2.311.0", "2.328.1", "", "not a version"])
def test_a_shipped_runner_that_github_does_not_register_is_replaced(guest: Guest, version: str) -> None:
    guest.image_ships(f"#!/bin/bash\ntouch {guest.path('/home/runner')}/old\n", version)
    sha256 = guest.archive("#!/bin/bash\n")
    console = guest.boot(quick(runner_url="https://example.com/runner.tar.gz", runner_sha256=sha256))
    assert "downloading https://example.com/runner.tar.gz" in console
    assert not guest.path("/home/runner/old").exists()


@needs_root
def test_root_runs_nothing_of_a_shipped_runner_that_is_not_its_own(guest: Guest) -> None:
    guest.image_ships("#!/bin/bash\n", "")
    guest.write("/opt/actions-runner/bin/installdependencies.sh", f"#!/bin/bash\ntouch {guest.here}/ran\n", 0o755)
    guest.belongs_to_the_runner("/opt/actions-runner")
    guest.boot(quick(runner_url="https://example.com/runner.tar.gz", runner_sha256=guest.archive("#!/bin/bash\n")))
    assert not (guest.here / "ran").exists()


def test_root_runs_nothing_out_of_the_runners_folder(guest: Guest) -> None:
    sha256 = guest.archive("#!/bin/bash\n")
    guest.boot(quick(runner_url="https://example.com/runner.tar.gz", runner_sha256=sha256))
    ran = (guest.here / "dependencies").read_text()
    assert str(guest.path("/home")) not in ran
    assert guest.path("/home/runner/actions-runner/run.sh").exists()


def test_the_self_destruct_is_armed_before_the_agent_starts(guest: Guest) -> None:
    guest.image_has("#!/bin/bash\n")
    guest.boot(quick())
    life, runner = [unit for unit in guest.units if "--unit=" in unit]
    assert "--unit=goldrun-life" in life
    assert "--on-active=3600" in life
    assert "self_destruct.py" in life
    assert "--unit=goldrun-runner" in runner
    assert "ExecStopPost=/usr/bin/env python3" in runner
    assert "self_destruct.py" in runner


def test_an_armed_self_destruct_can_start(guest: Guest) -> None:
    """Isolated, Python does not look into the script's own folder: the self-destruct found no module to sign with."""
    guest.image_has("#!/bin/bash\n")
    guest.boot(quick(endpoint="http://127.0.0.1:9"))
    program = guest.path("/opt/goldrun/self_destruct.py")
    program.write_text(program.read_text().replace("http://100.100.100.200/latest", "http://127.0.0.1:9/latest"))
    armed = [re.findall(r"python3 (?:-\w+ )*\S+self_destruct\.py", unit) for unit in guest.units if "--unit=" in unit]
    assert [len(found) for found in armed] == [1, 1]
    # The one that nothing is left to call but the bootstrap itself is called the same way.
    armed.append(re.findall(r"python3 (?:-\w+ )*\S+self_destruct\.py", (SCRIPTS / "bootstrap.sh").read_text())[:1])
    assert len({tuple(one.split()[1:-1]) for found in armed for one in found}) == 1
    for (command,) in armed[:2]:
        process = subprocess.Popen(
            [sys.executable, *command.split()[1:], "a test", ""],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": f"{guest.here / 'bin'}:/usr/bin:/bin", "HERE": str(guest.here)},
            cwd="/",
        )
        assert process.stdout is not None
        with process, process.stdout:
            said = [process.stdout.readline(), process.stdout.readline()]
            process.kill()
        assert said[0] == "goldrun: deleting this instance: a test\n"
        assert said[1].startswith("goldrun: no role to delete itself with")


@pytest.mark.parametrize("unit", ["goldrun-life", "goldrun-runner"])
def test_a_failure_to_arm_or_start_ends_the_instance(guest: Guest, unit: str) -> None:
    (guest.here / "fails").write_text(f"--unit={unit}")
    guest.boot(quick())
    assert any(line.startswith("self-destruct:") for line in guest.units)
    assert "systemctl poweroff --force" in guest.units
    if unit == "goldrun-life":
        first = next(n for n, line in enumerate(guest.units) if line.startswith("self-destruct:"))
        assert not any("goldrun-runner" in line for line in guest.units[:first])


def test_a_download_with_another_checksum_is_not_run(guest: Guest) -> None:
    guest.archive(f"#!/bin/bash\ntouch {guest.path('/home/runner')}/ran\n")
    wrong = hashlib.sha256(b"something else").hexdigest()
    console = guest.boot(quick(runner_url="https://example.com/runner.tar.gz", runner_sha256=wrong))
    assert "goldrun: failed: what was downloaded is not the runner: its checksum differs" in console
    assert not guest.path("/home/runner/ran").exists()
    assert not (guest.here / "dependencies").exists()


def test_the_configuration_is_read_once_and_deleted(guest: Guest) -> None:
    home = guest.path("/home/runner")
    inbox = guest.path("/run/goldrun/config")
    guest.image_has(f"""#!/bin/bash
[[ -e {inbox} ]] && touch {home}/still-there
printf %s "$ACTIONS_RUNNER_INPUT_JITCONFIG" > {home}/given
""")
    guest.boot(quick())
    assert (home / "given").read_text() == "a-configuration"
    assert not (home / "still-there").exists()
    assert not inbox.exists()


@pytest.mark.parametrize("secret", ["YWI=", "YQ==", "=", "a=b=c=", " spaced =", "plain"])
def test_a_configuration_keeps_its_padding(guest: Guest, secret: str) -> None:
    """Base64 may end with "=", which `read` takes for the end of a field."""
    home = guest.path("/home/runner")
    guest.image_has(f'#!/bin/bash\nprintf %s "$ACTIONS_RUNNER_INPUT_JITCONFIG" > {home}/given\n')
    guest.settings["JITCONFIG"] = secret
    guest.boot(quick())
    assert (home / "given").read_text() == secret


def test_an_engines_token_is_stored_nowhere(guest: Guest) -> None:
    home = guest.path("/home/runner")
    for name in ("user-data.txt", "user-data.txt.i", "scripts/part-001", "obj.pkl", "cloud-config.txt"):
        guest.write(f"/var/lib/cloud/instances/i-1/{name}", TOKEN)
    guest.image_has(f"""#!/bin/bash
env > {home}/environment
""")
    guest.settings = {}
    guest.boot(quick(engine=engine()), ENGINE)
    kept = [path for place in ("opt", "var", "home") for path in (guest.here / place).rglob("*") if path.is_file()]
    assert not [path for path in kept if TOKEN in path.read_text()]
    assert TOKEN not in (home / "environment").read_text()
    assert TOKEN not in (guest.here / "curl").read_text(), "nor among a process's arguments"


def template() -> str:
    return (Path(provider.__file__).parent / "template.sh").read_text(encoding="utf-8")


def boot_with_template(guest: Guest, script: str, **more: Any) -> str:
    guest.settings = {}
    guest.path("/etc/sudoers.d").mkdir(parents=True)
    (guest.here / "template").write_text(script)
    return guest.boot(quick(engine=engine() + template(), **more), {**ENGINE, "TEMPLATE": "true"})


def test_an_operators_template_installs_the_runner_and_its_end_is_the_machines(guest: Guest) -> None:
    home = guest.path("/home/runner")
    console = boot_with_template(
        guest,
        f"""#!/bin/bash
echo the-token-of-the-template
id -un > {home}/who; pwd >> {home}/who; cat {guest.path("/etc/sudoers.d")}/* > {home}/may 2>&1
touch {home}/active; (sleep 3; rm {home}/active) > /dev/null 2>&1 &
""",
    )
    assert "the runner of the template runs" in console
    assert console.rstrip().endswith("goldrun: the runner has ended")
    assert (home / "who").read_text().splitlines()[1] == str(home)
    assert "the-token-of-the-template" not in console, "what a template prints may be secret"
    assert "the-token-of-the-template" in guest.path("/run/goldrun/template.log").read_text()
    assert not list(guest.path("/etc/sudoers.d").iterdir()), "the job may not become root"
    assert not guest.path("/opt/goldrun/template").exists()
    (environment,) = [unit for unit in guest.units if "set-environment" in unit]
    assert "ACTIONS_RUNNER_HOOK_JOB_STARTED=" in environment
    if ROOT:
        assert (home / "who").read_text().startswith("nobody\n")
        assert guest.path("/run/goldrun/template.log").stat().st_mode & 0o77 == 0


def test_a_template_that_fails_ends_the_machine(guest: Guest) -> None:
    console = boot_with_template(guest, "#!/bin/bash\nexit 7\n")
    assert "goldrun: failed: the template ended with exit code 7; its output is in" in console
    assert not list(guest.path("/etc/sudoers.d").iterdir())


def test_an_engine_without_templates_is_named(guest: Guest) -> None:
    guest.settings = {}
    console = guest.boot(quick(engine=engine() + template()), ENGINE)
    assert "failed: the engine gives no script for runner_install_template: GARM 0.2 or later has it" in console


def test_a_templates_runner_that_gets_no_job_is_stopped(guest: Guest) -> None:
    console = boot_with_template(guest, f"#!/bin/bash\ntouch {guest.path('/home/runner')}/active\n", job_seconds=2)
    assert "failed: no job came within 2 s" in console
    assert "systemctl stop actions.runner.garm.service" in guest.units


PROXY = "http://user:planted-password@10.0.0.1:3128"
UNIT = f"""[Service]
User=runner
Environment="HTTP_PROXY=http://10.0.0.2:80"
Environment="http_proxy=http://10.0.0.2:80"
Environment="HTTPS_PROXY={PROXY}"
Environment="https_proxy={PROXY}"
"""


@pytest.mark.parametrize(
    ("unit", "proxy"), [(UNIT, PROXY), (UNIT.replace("HTTPS", "OTHER").replace("https_", "x_"), "http://10.0.0.2:80")]
)
def test_an_engines_proxy_with_a_password_is_fetched_from_it(guest: Guest, unit: str, proxy: str) -> None:
    home = guest.path("/home/runner")
    guest.image_has(f"#!/bin/bash\nenv > {home}/environment\n")
    guest.settings = {}
    (guest.here / "unit-file").write_text(unit)
    more = {**ENGINE, "SECRET_PROXY": "true", "CALLBACK_URL": "https://garm.example.com/callbacks"}
    console = guest.boot(quick(engine=engine()), more)
    assert f"\nHTTPS_PROXY={proxy}\n" in (home / "environment").read_text()
    calls = (guest.here / "curl").read_text().splitlines()
    assert "planted-password" not in console + "".join(calls)
    assert [call for call in calls if "callbacks/system-info/" in call and '"agent_id": 7' in call]
    assert '"status": "idle"' in [call for call in calls if "callbacks/status" in call][-1]


@pytest.mark.parametrize("unit", [None, "[Service]\nUser=runner\n"])
def test_without_the_engines_proxy_no_runner_starts(guest: Guest, unit: str | None) -> None:
    guest.image_has(f"#!/bin/bash\ntouch {guest.path('/home/runner')}/ran\n")
    guest.settings = {}
    if unit:
        (guest.here / "unit-file").write_text(unit)
    console = guest.boot(quick(engine=engine()), {**ENGINE, "SECRET_PROXY": "true"})
    assert "goldrun: failed: the engine" in console
    assert not guest.path("/home/runner/ran").exists()


def test_the_settings_are_roots_alone(guest: Guest) -> None:
    """Until the token is taken out of them they hold it."""
    guest.image_has("#!/bin/bash\n")
    guest.boot(quick())
    folder = guest.path("/opt/goldrun")
    assert (folder / "settings").stat().st_mode & 0o077 == 0
    assert (folder / "job-started.sh").stat().st_mode & 0o777 == 0o755


def test_without_a_configuration_nothing_runs(guest: Guest) -> None:
    guest.image_has(f"#!/bin/bash\ntouch {guest.path('/home/runner')}/ran\n")
    guest.settings = {}
    console = guest.boot(quick(config_seconds=1))
    assert "goldrun: failed: no configuration came within 1 s" in console
    assert "the runner runs" not in console
    assert not guest.path("/home/runner/ran").exists()


def test_a_runner_without_a_job_is_interrupted_after_its_wait(guest: Guest) -> None:
    guest.image_has(f"""#!/bin/bash
trap 'touch {guest.path("/home/runner")}/interrupted; exit' INT
for ((n = 0; n < 300; n++)); do sleep 0.1; done
""")
    console = guest.boot(quick(job_seconds=1))
    assert "goldrun: failed: no job came within 1 s" in console
    assert guest.path("/home/runner/interrupted").exists()
    assert "goldrun: the runner has ended" in console


def test_a_job_may_take_longer_than_the_wait_for_one(guest: Guest) -> None:
    guest.image_has(f"""#!/bin/bash
trap 'exit 1' INT
: > "$GOLDRUN_JOB_MARK"
for ((n = 0; n < 50; n++)); do sleep 0.1; done
touch {guest.path("/home/runner")}/done
""")
    console = guest.boot(quick(job_seconds=2))
    assert "goldrun: the job has begun" in console
    assert "no job came" not in console
    assert guest.path("/home/runner/done").exists()


def test_a_job_is_noticed_without_our_hook(guest: Guest) -> None:
    """An image's .env may name a hook of its own: then ours is not called, and the job was ended."""
    worker = guest.here / "Runner.Worker"
    worker.write_bytes(Path("/bin/sleep").read_bytes())
    worker.chmod(0o755)
    guest.image_has(f"#!/bin/bash\ntrap 'exit 1' INT\n{worker} 5\ntouch {guest.path('/home/runner')}/done\n")
    console = guest.boot(quick(job_seconds=2))
    assert "goldrun: the job has begun" in console
    assert guest.path("/home/runner/done").exists()


def test_a_failing_setup_ends_the_instance_before_the_runner_starts(guest: Guest) -> None:
    guest.image_has(f"#!/bin/bash\ntouch {guest.path('/home/runner')}/ran\n")
    console = guest.boot(quick(setup="exit 7"))
    assert "goldrun: failed: the setup script ended with exit code 7" in console
    assert not guest.path("/home/runner/ran").exists()


def test_pre_install_scripts_run_in_their_order_before_the_runner_is_installed(guest: Guest) -> None:
    """GARM's operators put what the runner needs there: a mirror, a certificate. Any bytes arrive as they are."""
    log, root = guest.here / "order", guest.path("/home/runner/actions-runner")
    sha256 = guest.archive(f"#!/bin/bash\necho runner >> {log}\n")
    log.touch()
    log.chmod(0o666)
    scripts = {
        "01-first": f"#!/bin/bash\necho first >> {log}\n[[ ! -e {root} ]]\n".encode(),
        "02-bytes": f"#!/usr/bin/env python3\nopen('{log}', 'ab').write('é\\n'.encode())\nGOLDRUN_END = 1\n".encode(),
    }
    console = guest.boot(
        quick(pre_install=scripts, runner_url="https://example.com/runner.tar.gz", runner_sha256=sha256)
    )
    assert log.read_text().split() == ["first", "é", "runner"], console
    assert not guest.path("/opt/goldrun/pre-install").exists(), "a job does not read them"


def test_a_pre_install_script_that_fails_is_named(guest: Guest) -> None:
    guest.image_has(f"#!/bin/bash\ntouch {guest.here}/ran\n")
    console = guest.boot(quick(pre_install={"10-mirror": b"#!/bin/sh\nexit 3\n", "20-never": b"#!/bin/sh\n"}))
    assert "goldrun: failed: the script 10-mirror ended with exit code 3" in console
    assert not (guest.here / "ran").exists()


@pytest.mark.parametrize("debug", [True, False])
def test_boot_debug_traces_the_scripts_and_the_installation_and_no_secret(guest: Guest, debug: bool) -> None:
    sha256 = guest.archive("#!/bin/bash\necho the job runs\n")
    guest.settings["JITCONFIG"] = TOKEN
    console = guest.boot(
        quick(
            debug=debug,
            pre_install={"one": b"#!/bin/bash\ntrue the-script\n"},
            setup="true the-setup\n",
            runner_url="https://example.com/runner.tar.gz",
            runner_sha256=sha256,
        )
    )
    assert "the job runs" in console
    for line in ("+ true the-script", "+ true the-setup", "+ curl -fsSL"):
        assert (line in console) is debug
    assert TOKEN not in console


def test_a_runner_takes_no_job_that_its_life_does_not_hold(guest: Guest) -> None:
    """One accepted a job 45 s before its end, and the job died."""
    guest.image_has("#!/bin/bash\ntrap 'echo stopped; exit' INT\nfor ((i = 0; i < 300; i++)); do sleep 0.1; done\n")
    console = guest.boot(quick(longest_job=3598.0))
    assert "failed: no job came while enough of the instance's life was left for one" in console
    assert "stopped" in console
