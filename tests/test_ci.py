"""`.ci/run` calls `make test`, and a test skipped for want of a Debian package fails it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bare_machine import ROOT, BareMachine, needs_make
from tests.strict_skips import is_missing_package


@needs_make
def test_ci_calls_make_test_and_nothing_else(tmp_path: Path) -> None:
    machine = BareMachine(tmp_path)
    machine.fake("make", 'echo "addopts $PYTEST_ADDOPTS"; exit 3')
    result = machine.run(".ci/run")
    assert machine.recorded() == ["make test"]
    assert result.returncode == 3
    assert "-p tests.strict_skips" in result.stdout


@pytest.mark.parametrize(
    ("reason", "system", "fails"),
    [
        ("needs Debian package mosquitto", False, True),
        ("needs the Debian package mosquitto", False, True),
        ("needs the packages python3-gi gir1.2-gst-rtsp-server-1.0", False, True),
        ("needs mosquitto_passwd of the Debian package mosquitto", False, True),
        ("needs iotcore from PyPI", False, False),
        ("mosquitto is not installed", True, True),
        ("needs ../shared", True, False),
        ("needs ../shared", False, False),
        ("only on ARM", False, False),
    ],
)
def test_which_skips_fail_in_ci(reason: str, system: bool, fails: bool) -> None:
    assert is_missing_package(reason, system=system) is fails


def test_ci_fails_on_a_missing_package_and_names_the_test(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_runs(): pass\n"
        "def test_waits(): pytest.skip('needs Debian package mosquitto')\n"
    )
    # What `.ci/run` asked of this very run must not reach the runs inside it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}

    def run_it(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), *options]
        return subprocess.run(
            [*command, str(tmp_path / "test_it.py")],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    lenient, strict = run_it(), run_it("-p", "tests.strict_skips")
    assert lenient.returncode == 0, lenient.stdout
    assert strict.returncode == 1, strict.stdout
    assert "test_it.py::test_waits: needs Debian package mosquitto" in strict.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_the_scripts_pass_shellcheck() -> None:
    scripts = [".ci/run", ".ci/as-root", ".ci/system-deps", "systemd/install", "systemd/uninstall"]
    result = subprocess.run(["shellcheck", *scripts], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
