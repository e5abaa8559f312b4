"""The options that every command has, the settings as flags, and the App they come to."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from dcp_engine.cli.command import EverywhereOption, SettingOption, utf8
from dcp_engine.errors import BadInput, EngineError

DB_VARIABLE = "DCP_ENGINE_DB"
_KEY = "dcp_engine.cli.given"
# These load nothing that would log, and have to be quick.
_ONLY_LOOK = frozenset({"status", "list", "history", "completion"})
_METAVARS = {"yes": "YES|NO", "no": "YES|NO"}
_CREDENTIALS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID")

if TYPE_CHECKING:
    from dcp_engine.app import App
    from dcp_engine.crash import CrashPoint
    from dcp_engine.loaded import Loaded

_Command = TypeVar("_Command", bound=click.Command)


class Given:
    """What the person gave so far, before and after the command's name; the later one wins."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.settings: dict[str, str] = {}
        self.verbose = 0

    def path(self, name: str, variable: str | None = None) -> Path | None:
        """A path that was given as an option or, failing that, as a variable; absolute."""
        text = self.texts.get(name) or (os.environ.get(variable) if variable else None)
        if not text:
            return None
        try:
            return Path(text).expanduser().absolute()
        except RuntimeError:
            raise BadInput(f"--{name} {text}: there is no such home directory.") from None


def given(ctx: click.Context) -> Given:
    """What was given on this command line."""
    found: Given = ctx.meta.setdefault(_KEY, Given())
    return found


def everywhere(command: _Command) -> _Command:
    """Add the options that every command has."""
    command.params.extend(
        [
            _option("--db", "PATH", f"The database of runs (or {DB_VARIABLE}).", file=True),
            _option("--region", "NAME", "AWS region, where registering a run needs one."),
            _option("--profile", "NAME", "Profile in your AWS configuration."),
            _option("--config", "PATH", "Settings file (or DCP_ENGINE_CONFIG).", file=True),
            EverywhereOption(
                ["-v", "--verbose"],
                count=True,
                expose_value=False,
                callback=_louder,
                help="Say more on standard error; -vv says most.",
            ),
            _option("--log-file", "PATH", "Write a log there, with times.", file=True),
        ]
    )
    return command


def setting_flags(command: _Command) -> _Command:
    """Add a flag for every setting there is."""
    from dcp_engine import settings  # noqa: PLC0415 - `status` and `list` have no such flags

    command.params.extend(
        SettingOption(
            [row.flag, f"setting_{row.name}"],
            metavar=_METAVARS.get(row.default, "NUMBER" if row.default.isdecimal() else "DURATION"),
            help=f"{row.meaning[0].upper()}{row.meaning[1:]}.  [default: {row.default}]",
            expose_value=False,
            callback=_take_setting(row.name),
        )
        for row in settings.describe()
    )
    return command


def open_app(ctx: click.Context, label: str) -> "App":
    """The App of this command line, closed with it. `label` names us to other drivers.

    Raises BadInput with everything that is wrong with the settings.
    """
    from dcp_engine.app import App  # noqa: PLC0415 - `--help` needs none

    options = given(ctx)
    log = options.path("log-file")
    if options.verbose or log is not None or label not in _ONLY_LOOK:
        from dcp_engine.cli.logs import start_logging  # noqa: PLC0415 - slow

        start_logging(ctx, options.verbose, log)
    loaded = _loaded(options)
    region, profile = options.texts.get("region"), options.texts.get("profile")
    # The environment goes before the file. botocore reads these variables by itself; a region or
    # profile that is named to it outright would silence them.
    if not region and not os.environ.get("AWS_DEFAULT_REGION"):
        region = loaded.region
    if not profile and not any(os.environ.get(name) for name in _CREDENTIALS):
        profile = loaded.profile
    app = App(
        database=options.path("db", DB_VARIABLE) or loaded.db or default_database(),
        settings=loaded.settings,
        region=region or None,
        profile=profile or None,
        label=f"dcp-engine {label}",
        plugins=loaded.plugins,
        crash=_crash_point(),
    )
    ctx.call_on_close(app.close)
    return app


def _loaded(options: Given) -> "Loaded":
    """The settings. Where nothing is said of any, the defaults hold and nothing is read."""
    from dcp_engine.loaded import Loaded  # noqa: PLC0415

    config = options.path("config")
    variables = [n for n in os.environ if n.startswith("DCP_ENGINE_") and n != DB_VARIABLE]
    if not options.settings and config is None and not variables:
        import platformdirs  # noqa: PLC0415 - `--help` needs none

        folder = platformdirs.user_config_path("dcp-engine", appauthor=False)
        if not os.path.lexists(folder / "config.toml"):
            return Loaded()
    from dcp_engine import settings  # noqa: PLC0415 - slow
    from dcp_engine.app import installed_plugins  # noqa: PLC0415

    return settings.load(
        flags=options.settings,
        environ=os.environ,
        config=config,
        installed=installed_plugins,
    )


def _crash_point() -> "CrashPoint":
    from dcp_engine.crash import crash_point  # noqa: PLC0415 - `--help` needs none

    return crash_point(os.environ)


def default_database() -> Path:
    """Where the runs are remembered when nobody says otherwise."""
    import platformdirs  # noqa: PLC0415 - only needed where no database is named

    return platformdirs.user_state_path("dcp-engine", appauthor=False) / "runs.db"


def complete_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of known runs, for the shell; none where they cannot be read."""
    try:
        names = {status.app_name for status in open_app(ctx, "completion").runs(live=False)}
    except EngineError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def complete_steps(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The teardown steps of the run named before that can be waived, for the shell."""
    name = ctx.params.get("app_name")
    if not name:
        return []
    from dcp_engine.status import waivable_steps  # noqa: PLC0415 - for the shell alone

    try:
        steps = waivable_steps(open_app(ctx, "completion").find(name))
    except EngineError:
        return []
    return [step.name for step in steps if step.name.startswith(incomplete)]


def _option(flag: str, metavar: str, meaning: str, *, file: bool = False) -> EverywhereOption:
    name = flag.removeprefix("--")

    def take(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            given(ctx).texts[name] = value

    return EverywhereOption(
        [flag],
        metavar=metavar,
        help=meaning,
        expose_value=False,
        callback=take,
        type=click.Path() if file else utf8,
    )


def _louder(ctx: click.Context, parameter: click.Parameter, value: int) -> None:
    given(ctx).verbose += value


def _take_setting(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def take(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            given(ctx).settings[name] = value

    return take
