"""Build each script of `.github/scripts` as one self-contained file, for repositories without this checkout.

The result is plain text: the unchanged sources of the modules that the script needs, then the script. Unlike a zip
archive it can be read, reviewed and compared.

Usage: python tools/build_scripts.py [FOLDER]
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"

LOADER = '''\
import os
import sys

# Modules beside this file are not ours: one that replaces `json`, for example, would get the keys.
here = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != here]

# What importlib.machinery shows, without what it imports.
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader


class _Texts(SourceFileLoader):
    """Imports from the texts above. What Python compiled is kept in `__pycache__`, as of any module."""

    def path_stats(self, path):
        return {"mtime": os.stat(__file__).st_mtime, "size": len(SOURCES[self.name].encode())}

    def get_data(self, path):
        return SOURCES[self.name].encode() if path == self.path else super().get_data(path)


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in SOURCES:
            return None
        package = any(other.startswith(name + ".") for other in SOURCES)
        script = os.path.basename(__file__).removesuffix(".py")
        file = os.path.join(here, "__pycache__", script, *name.split(".")) + ".py"
        return ModuleSpec(name, _Texts(name, file), is_package=package)


sys.meta_path.insert(0, _Finder)
'''


def needed_modules(source: str, known: dict[str, str]) -> dict[str, str]:
    """Return the project's modules that ``source`` imports, directly or indirectly, with their sources."""
    found: dict[str, str] = {}
    waiting = [source]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                parts = name.split(".")
                for stem in (".".join(parts[:length]) for length in range(1, len(parts) + 1)):
                    path = SOURCE / Path(*stem.split("."))
                    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
                    if stem.startswith("goldrun") and stem not in found and file.is_file():
                        found[stem] = known.setdefault(stem, file.read_text(encoding="utf-8"))
                        waiting.append(found[stem])
    return found


def build(script: Path) -> str:
    """Return the script as one file."""
    source = script.read_text(encoding="utf-8")
    modules = needed_modules(source, {})
    doc = (ast.get_docstring(ast.parse(source)) or "").replace(" and this checkout", "")
    version = next(line for line in modules["goldrun"].splitlines() if line.startswith("__version__"))
    parts = [
        "#!/usr/bin/env python3\n",
        f"# Built from goldrun ({version}) by `make scripts`; Apache-2.0. Change it there, not here.\n",
        "# The modules come first, as text; the script itself is at the end.\n\n",
        *([f'"""{doc}\n"""\n\n'] if doc else []),
        "SOURCES = {}\n",
    ]
    for name, text in sorted(modules.items()):
        if "'''" in text or text.endswith("\\"):
            raise SystemExit(f"{name} cannot be quoted: it has three single quotes")
        parts.append(f"\nSOURCES[{name!r}] = r'''{text}'''\n")
    body = source.split('"""', 2)[2] if doc else source
    # The single file contains its modules, and must not import any from the repository that it is in.
    body = "".join(line for line in body.splitlines(keepends=True) if not line.startswith("sys.path.insert("))
    return "".join([*parts, "\n", LOADER, "\n# " + "-" * 117, body])


def main() -> None:
    """Build every script into a folder (default: dist/scripts)."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist/scripts"
    target.mkdir(parents=True, exist_ok=True)
    for script in sorted((ROOT / ".github/scripts").glob("*.py")):
        file = target / script.name
        file.write_text(build(script), encoding="utf-8")
        file.chmod(0o755)
        print(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
