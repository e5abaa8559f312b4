"""The hooks of one plugin, as far as this version knows them."""

import types

import pluggy

from dcp_engine.errors import Refused
from dcp_engine.hookspecs import PROJECT, VERSION, Hooks


def new_manager() -> pluggy.PluginManager:
    """A manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    return manager


def hooks_of(name: str, plugin: object) -> types.ModuleType:
    """The plugin's hooks alone, so that nothing else of it is looked at or compared later.

    Raises Refused for a version or a hook that is not ours: pluggy would leave what it does not
    know unused, in silence. Raises whatever the plugin does when it is looked at, and pluggy's
    PluginValidationError for an argument that a hook does not have.
    """
    _check_version(plugin)
    trial = new_manager()
    hooks = types.ModuleType(name)
    for attribute in dir(plugin):
        marked = trial.parse_hookimpl_opts(plugin, attribute)
        if marked is None:
            continue
        hook = marked.get("specname") or attribute
        if hook not in vars(Hooks):
            if marked.get("optionalhook"):
                continue
            raise Refused(
                f"it has a hook {hook} that this version of dcp-engine does not know; a newer "
                "dcp-engine may, or its name is misspelt"
            )
        if marked.get("wrapper") or marked.get("hookwrapper"):
            raise Refused(
                f"its hook {hook} is made to wrap those of other plugins, and each plugin is "
                "called by itself here; mark it with `@hookimpl` alone"
            )
        setattr(hooks, attribute, getattr(plugin, attribute))
    trial.register(hooks, name)
    return hooks


def _check_version(plugin: object) -> None:
    wanted = getattr(plugin, "dcp_engine_hooks", 1)
    if wanted != VERSION:
        raise Refused(
            f"it is written for version {wanted} of the hooks, and this dcp-engine has version "
            f"{VERSION}; install another version of the plugin, or of dcp-engine"
        )
