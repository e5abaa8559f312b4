"""`dcp-engine completion`."""

import os
from pathlib import PurePath
from typing import Final

import click

from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere
from dcp_engine.cli.terminal import terminal

_HOW: Final = {
    "bash": ("~/.bashrc", 'eval "$(_DCP_ENGINE_COMPLETE=bash_source dcp-engine)"'),
    "zsh": ("~/.zshrc", 'eval "$(_DCP_ENGINE_COMPLETE=zsh_source dcp-engine)"'),
    "fish": (
        "~/.config/fish/completions/dcp-engine.fish",
        "_DCP_ENGINE_COMPLETE=fish_source dcp-engine | source",
    ),
}


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine completion", "dcp-engine completion zsh >> ~/.zshrc"]),
)
@click.argument("shell", required=False, type=click.Choice(list(_HOW)))
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the line that lets your shell complete commands, options and names of runs.

    Without a SHELL it is the one that you are using.
    """
    shell = shell or PurePath(os.environ.get("SHELL", "")).name
    if shell not in _HOW:
        raise click.UsageError(f"Say for which shell: {', '.join(_HOW)}.")
    file, line = _HOW[shell]
    out = terminal(ctx)
    out.say(f"# Completion of dcp-engine in {shell}: add the next line to {file},")
    out.say(
        f"# for example with `dcp-engine completion {shell} >> {file}`, and open a new terminal."
    )
    out.say(line)


everywhere(completion)
