"""The plugins, as `dcp-engine plugins check` sees them."""

from collections.abc import Sequence

from dcp_engine.doctor.finding import Finding, fine, unknown, wrong
from dcp_engine.errors import AwsError
from dcp_engine.plugin_desk import PluginReport
from dcp_engine.plugin_sources import BUILT_IN

_NAME = "plugins"


def plugins(reports: Sequence[PluginReport] | AwsError) -> Finding:
    """Whether every plugin that is wanted is loaded and lacks nothing."""
    if isinstance(reports, AwsError):
        return unknown(
            _NAME,
            "The plugins did not say in time whether they lack anything.",
            "`dcp-engine plugins check` waits for longer.",
        )
    troubles = [
        f"{report.plugin.name}: {text.rstrip('.')}"
        for report in reports
        for text in dict.fromkeys((*_error(report), *report.lacking))
    ]
    if troubles:
        text = f"{'; '.join(troubles)}."
        return wrong(_NAME, text, "See `dcp-engine plugins check` and docs/plugins.md.")
    others = [
        report.plugin.name
        for report in reports
        if report.state == "loaded" and report.plugin.origin != BUILT_IN
    ]
    which = f"The built-in ones and {', '.join(others)} are" if others else "The built-in ones are"
    return fine(_NAME, f"{which} loaded, and none lacks anything.")


def _error(report: PluginReport) -> tuple[str, ...]:
    return () if report.plugin.error is None else (report.plugin.error,)
