"""What all commands share: help in sections, commands imported only when they are called."""

import importlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE, EXIT_TIME_MAY_MEND

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


SHORTEST_PAUSE: Final = timedelta(milliseconds=200)
LONGEST_PAUSE: Final = timedelta(days=1)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def utf8(text: str) -> str:
    """An argument that the database and AWS can be asked about.

    Raises BadParameter for what the shell gave as bytes that are no text.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        from dcp_engine.text_input import quoted  # noqa: PLC0415 - seldom needed

        raise click.BadParameter(f"{quoted(text)} is not UTF-8 text.") from None
    return text


def pause(text: str) -> timedelta:
    """A pause between two looks. Raises BadParameter for what is no duration, or too short."""
    from dcp_engine.durations import format_duration, parse_duration  # noqa: PLC0415 - seldom needed
    from dcp_engine.errors import BadInput  # noqa: PLC0415
    from dcp_engine.text_input import quoted  # noqa: PLC0415

    try:
        found = parse_duration(text)
    except BadInput as error:
        raise click.BadParameter(str(error)) from None
    if not SHORTEST_PAUSE <= found <= LONGEST_PAUSE:
        least, most = map(format_duration, (SHORTEST_PAUSE, LONGEST_PAUSE))
        raise click.BadParameter(f"{quoted(text)} is not between {least} and {most}.")
    return found


class EverywhereOption(click.Option):
    """An option that every command has, before or after its name."""


class SettingOption(click.Option):
    """A setting as a flag."""


class EngineCommand(click.Command):
    """A command whose help shows its own options first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["context_settings"] = {**CONTEXT, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _told_by_us(super().get_help_option(ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        format_sections(self, ctx, formatter)


class LazyGroup(click.Group):
    """A group that imports a command when it is called, so that the others stay fast.

    `lazy` is command → (`module:attribute`, the line that the group's help shows).
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _told_by_us(super().get_help_option(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def added(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command of this name that somebody adds."""
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        unknown = args and not args[0].startswith("-") and args[0] not in self.lazy
        if unknown and not ctx.resilient_parsing:
            if (command := self.added(ctx, args[0])) is not None:
                return args[0], command, args[1:]
            import difflib  # noqa: PLC0415 - slow, and seldom needed

            near = difflib.get_close_matches(args[0], self.lazy, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])
        format_sections(self, ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for the shell alone

        commands = [
            CompletionItem(name, help=line)
            for name, (_, line) in self.lazy.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def tell(ctx: click.Context, text: str) -> NoReturn:
    """Say this and end, as every result is said: a full disk is told, a closed pipe is fine."""
    out = terminal(ctx)
    out.say(text, whole=True)
    ctx.exit(EXIT_TIME_MAY_MEND if out.unwritten else EXIT_FINE)


def _told_by_us(option: click.Option | None) -> click.Option | None:
    """The option `--help`, which by itself would end in an error where nobody can be told."""
    if option is not None:
        option.callback = _help
    return option


def _help(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        tell(ctx, ctx.get_help())


def format_sections(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write a command's own options, its settings, and what every command has."""
    sections: dict[str, list[tuple[str, str]]] = {
        "Options": [],
        "Settings (a duration is like 200ms, 60s, 10m or 1h30m)": [],
        "Options of every command": [],
    }
    own, settings, everywhere = sections.values()
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None or isinstance(parameter, click.Argument):
            continue
        if isinstance(parameter, SettingOption):
            settings.append(record)
        elif isinstance(parameter, EverywhereOption) or "--help" in parameter.opts:
            everywhere.append(record)
        else:
            own.append(record)
    for title, rows in sections.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def examples(lines: Sequence[str]) -> str:
    """An epilog that shows command lines as they are typed."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
