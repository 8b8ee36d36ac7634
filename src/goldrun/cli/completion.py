"""``goldrun completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from goldrun.cli import output

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes goldrun's commands, options and names in SHELL.

    \b
    Examples:
      eval "$(goldrun completion bash)"
      eval "$(goldrun completion zsh)"
      goldrun completion fish > ~/.config/fish/completions/goldrun.fish
    """
    root = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None
    output.result(kind(root, {}, "goldrun", "_GOLDRUN_COMPLETE").source().rstrip())
