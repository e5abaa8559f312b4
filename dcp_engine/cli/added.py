"""Commands that plugins add."""

import copy
from collections.abc import Callable, Collection
from typing import TypeVar

import click

from dcp_engine.cli.given import open_app
from dcp_engine.errors import EngineError, PluginFailed

_T = TypeVar("_T")


def added_command(ctx: click.Context, name: str, ours: Collection[str]) -> click.Command | None:
    """The command of this name that a plugin adds, None where none does."""
    desk = open_app(ctx, name).plugin_desk
    for owned in desk.commands(click.Command, ours):
        if owned.item.name == name:
            ctx.obj = desk.records
            return _blaming(owned.plugin, owned.item, desk.in_words)
    return None


def _blaming(
    plugin: str, command: click.Command, in_words: Callable[[BaseException | str], str]
) -> click.Command:
    """The command; what it does wrong is said to be the plugin's."""

    def blamed(act: Callable[..., _T]) -> Callable[..., _T]:
        def acting(*args: object, **more: object) -> _T:
            try:
                return act(*args, **more)
            except (EngineError, click.Abort, click.exceptions.Exit, SystemExit, KeyboardInterrupt):
                raise
            except click.ClickException as error:
                vars(error).update(message=in_words(error.message))
                raise
            except BaseException as error:
                raise PluginFailed(
                    f"The plugin {plugin} failed in its command {command.name}: {in_words(error)}. "
                    "Nothing was changed by dcp-engine."
                ) from error

        return acting

    named = copy.copy(command)
    # The context is made by the copy and belongs to it, so click comes back to it for the rest.
    vars(named).update(make_context=blamed(named.make_context), invoke=blamed(named.invoke))
    return named
