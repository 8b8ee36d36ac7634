"""Pictures of the most used commands on a terminal of 80 columns, in both languages: docs/images/terminal/*.svg.

Usage: python -m tools.screenshots [NAME…]   (make screenshots)

The output is real, from the local cloud of the docs (tools/docs.py); only its fonts are the viewer's.
"""

from __future__ import annotations

import io
import sys

from rich.console import Console
from rich.text import Text

from tools.docs import run_on_terminal
from tools.house import ROOT

FOLDER = ROOT / "docs/images/terminal"
WIDTH = 80
REPOSITORY = "octo-org/octo-repo"
COMMANDS = {
    "doctor": f"goldrun doctor --repo {REPOSITORY} --image github-runner-ubuntu24 --arch amd64",
    "setup": f"goldrun setup --repo {REPOSITORY} --zone cn-hangzhou-j --zone cn-hangzhou-k --plan",
    "whoami": "goldrun whoami",
    "image-ls": "goldrun image ls",
    "image-not-found": "goldrun image id github-runner-ubuntu22-amd64-latest",
    "image-history": "goldrun image history github-runner-ubuntu24 --arch amd64",
    "spot-ls": "goldrun spot ls --cpu 8 --arch amd64 --limit 6",
    "spot-plot": "goldrun spot plot --type ecs.c7.2xlarge --days 2d",
    "instance-ls": "goldrun instance ls",
    "sweep": "goldrun sweep --dry-run --older-than 1h",
    "cost": "goldrun cost --days 3",
    "help": "goldrun --help",
}
# As Rich's, without fonts from elsewhere.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "Fira Code", "Noto Sans Mono CJK SC", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def picture(command: str, language: str) -> str:
    """Return a command and what it prints, as SVG."""
    shown = run_on_terminal(command, columns=WIDTH, colours=True, language=language)
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO())
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(shown.rstrip()), soft_wrap=False)
    return console.export_svg(title="", code_format=FORMAT, unique_id="terminal")


def main(names: list[str]) -> None:
    """Write the pictures of these commands (default: of all)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, command in COMMANDS.items():
        if names and name not in names:
            continue
        for language, suffix in (("en", ""), ("zh_CN", ".zh-CN")):
            file = FOLDER / f"{name}{suffix}.svg"
            file.write_text(picture(command, language), encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
