"""A pytest plugin for `.ci/run`: a test skipped for want of a Debian package is a failure.

Such a skip's reason says "needs (the) (Debian) package(s) …" or names "Debian package …", or the
test carries the mark `system` and its reason does not ask for ../shared.
"""

import re

import pytest

_WANT = re.compile(r"^needs (?:the )?packages? |\bDebian packages? ")
_missing: dict[str, str] = {}


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test was skipped, without pytest's own `Skipped: `."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def is_missing_package(reason: str, *, system: bool) -> bool:
    """Return whether a skip means that a Debian package is missing."""
    return bool(_WANT.search(reason)) or (system and "shared" not in reason)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember each test that was skipped for want of a package."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = skip_reason(report)
        if is_missing_package(reason, system="system" in report.keywords):
            _missing[report.nodeid] = reason


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember each module that was skipped as a whole."""
    if report.skipped and is_missing_package(skip_reason(report), system=False):
        _missing[report.nodeid] = skip_reason(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a green run with such skips into a failed one."""
    if _missing and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped and why."""
    if _missing:
        terminalreporter.section("skipped for want of a Debian package: this run has failed")
        for nodeid, reason in sorted(_missing.items()):
            terminalreporter.write_line(f"{nodeid}: {reason}")
