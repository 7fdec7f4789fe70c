"""What `make` does on a machine that lacks something: no Python, no pip, no root, no package.

The Makefile runs for real in a bare copy, with a PATH that holds only what the test puts there.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bare_machine import ROOT, BareMachine, needs_make

pytestmark = needs_make


@pytest.fixture
def machine(tmp_path: Path) -> BareMachine:
    return BareMachine(tmp_path)


def said_by_us(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on standard error that are not make's own."""
    return [line for line in result.stderr.splitlines() if not line.startswith("make")]


# --- Python


def test_without_python_one_line_says_what_is_needed(machine: BareMachine) -> None:
    result = machine.run("make", "setup")
    assert result.returncode != 0
    assert said_by_us(result) == [
        "needs a 64-bit Python 3.11 to 3.14 (none on PATH is not one): "
        "sudo apt install python3 python3-venv"
    ]


def test_a_32_bit_python_does_not_count(machine: BareMachine) -> None:
    machine.fake_python("python3.13", bits=32)
    result = machine.run("make", "setup")
    assert result.returncode != 0
    assert "64-bit Python" in result.stderr
    assert not (machine.checkout / ".venv").exists()


def test_the_newest_that_fits_is_taken(machine: BareMachine) -> None:
    machine.fake_python("python3.14", bits=32)
    machine.fake_python("python3.13")
    machine.fake_python("python3.11")
    assert machine.run("make", "setup").returncode == 0
    assert "python3.13 -m venv .venv" in machine.recorded()
    assert not [call for call in machine.recorded() if call.startswith("python3.11 -m")]


@pytest.mark.parametrize("version", ["3.10", "3.15"])
def test_another_version_does_not_count(machine: BareMachine, version: str) -> None:
    condition = re.search(r"^FITS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert condition
    numbers = tuple(map(int, version.split(".")))
    source = condition[1].replace("sys.version_info[:2]", repr(numbers))
    assert subprocess.run([sys.executable, "-c", source]).returncode == 1
    assert subprocess.run([sys.executable, "-c", condition[1]]).returncode == 0


def test_setup_installs_the_lock_then_the_package_alone(machine: BareMachine) -> None:
    machine.fake_python("python3.12")
    result = machine.run("make", "setup")
    assert result.returncode == 0, result.stderr
    installs = [call for call in machine.recorded() if " install " in call]
    assert [call.split()[0] for call in installs] == ["venv-python", "venv-python"]
    assert "--require-hashes -r requirements-demo.lock" in installs[0]
    assert installs[1].endswith("--no-deps --no-build-isolation -e .")
    assert all("--only-binary=:all:" in call for call in installs)


def test_setup_is_done_once(machine: BareMachine) -> None:
    machine.fake_python("python3.12")
    machine.run("make", "setup")
    before = machine.recorded()
    assert machine.run("make", "setup").returncode == 0
    assert machine.recorded() == before


def test_a_changed_lock_is_installed(machine: BareMachine) -> None:
    machine.fake_python("python3.12")
    machine.run("make", "setup")
    before = len(machine.recorded())
    later = (machine.checkout / ".venv" / ".setup").stat().st_mtime + 10
    os.utime(machine.checkout / "requirements-demo.lock", (later, later))
    machine.run("make", "setup")
    assert [call for call in machine.recorded()[before:] if "requirements-demo.lock" in call]


def test_without_ensurepip_another_pip_reaches_into_the_environment(machine: BareMachine) -> None:
    machine.fake_python("python3.11", ensurepip=False)
    result = machine.run("make", "setup")
    assert result.returncode == 0, result.stderr
    assert "python3.11 -m venv --without-pip .venv" in machine.recorded()
    installs = [call for call in machine.recorded() if " install " in call]
    assert len(installs) == 2
    assert all(call.startswith("python3.11 -m pip --python .venv/bin/python") for call in installs)


def test_without_any_pip_the_apt_line_is_printed(machine: BareMachine) -> None:
    machine.fake_python("python3.11", ensurepip=False, pip=False)
    result = machine.run("make", "setup")
    assert result.returncode != 0
    [line] = said_by_us(result)
    assert line.endswith("sudo apt install python3-venv")
    assert not (machine.checkout / ".venv").exists()


# --- make's targets


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (["demo"], ".venv/bin/edge-agent demo"),
        (["demo", "SECONDS=30"], ".venv/bin/edge-agent demo --seconds 30"),
        (["bench"], ".venv/bin/edge-agent bench table"),
        (["test"], ".venv/bin/python -m pytest"),
        (["test", "TESTS=tests/test_logs.py"], ".venv/bin/python -m pytest tests/test_logs.py"),
    ],
)
def test_what_a_target_calls(machine: BareMachine, given: list[str], command: str) -> None:
    result = machine.run("make", "-n", *given, SECONDS="7")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].strip() == command


def test_make_alone_lists_every_target(machine: BareMachine) -> None:
    phony = re.search(
        r"^\.PHONY: ((?:[^\\\n]|\\\n)+)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert phony
    listed = re.findall(r"^  make ([a-z0-9-]+) +\S", machine.run("make").stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony[1].replace("\\\n", "").split())


# --- Debian packages


def test_nothing_missing_calls_no_apt(machine: BareMachine) -> None:
    machine.fake("dpkg-query", "echo installed")
    machine.fake("apt-get")
    assert machine.run("make", "system-deps").returncode == 0
    assert {call.split()[0] for call in machine.recorded()} == {"dpkg-query"}


def missing_mosquitto(machine: BareMachine, *, uid: int) -> None:
    machine.fake("dpkg-query", '[ "$3" = mosquitto ] && exit 1; echo installed')
    machine.fake("id", f"echo {uid}")


def test_root_installs_directly_and_only_what_is_missing(machine: BareMachine) -> None:
    missing_mosquitto(machine, uid=0)
    machine.fake("apt-get")
    result = machine.run("make", "system-deps", SYSTEMD_RUN="/nowhere")
    assert result.returncode == 0, result.stderr
    [call] = [call for call in machine.recorded() if call.startswith("apt-get")]
    assert call.endswith("install --no-install-recommends mosquitto")
    assert " -y " in call


def test_old_package_lists_are_fetched_and_the_install_tried_again(machine: BareMachine) -> None:
    missing_mosquitto(machine, uid=0)
    updated = machine.calls.parent / "updated"
    machine.fake(
        "apt-get",
        f'case "$*" in *update) touch {updated};; *) [ -e {updated} ] || exit 100;; esac',
    )
    assert machine.run("make", "system-deps", SYSTEMD_RUN="/nowhere").returncode == 0
    verbs = [call.split()[5] for call in machine.recorded() if call.startswith("apt-get")]
    assert verbs == ["install", "update", "install"]


def test_a_user_without_a_terminal_uses_sudo_that_may_not_ask(machine: BareMachine) -> None:
    missing_mosquitto(machine, uid=1000)
    machine.fake("apt-get")
    machine.fake("sudo", 'shift; exec "$@"')
    assert machine.run("make", "system-deps", SYSTEMD_RUN="/nowhere").returncode == 0
    sudo = [call for call in machine.recorded() if call.startswith("sudo")]
    assert all(call.startswith("sudo -n ") for call in sudo)
    assert any("apt-get" in call and "mosquitto" in call for call in sudo)


@pytest.mark.parametrize("sudo", ["absent", "asks for a password"])
def test_without_root_the_line_is_printed_and_the_tests_go_on(
    machine: BareMachine, sudo: str
) -> None:
    missing_mosquitto(machine, uid=1000)
    machine.fake("apt-get")
    if sudo != "absent":
        machine.fake("sudo", "exit 1")
    result = machine.run("make", "system-deps")
    assert result.returncode == 0
    assert "sudo apt-get install --no-install-recommends mosquitto" in result.stdout
    assert not [call for call in machine.recorded() if call.startswith("apt-get")]


def test_an_apt_that_fails_is_told_and_the_tests_go_on(machine: BareMachine) -> None:
    missing_mosquitto(machine, uid=0)
    machine.fake("apt-get", "exit 100")
    result = machine.run("make", "system-deps", SYSTEMD_RUN="/nowhere")
    assert result.returncode == 0
    assert "apt-get failed" in result.stdout


def test_the_packaged_broker_is_never_started(machine: BareMachine, tmp_path: Path) -> None:
    missing_mosquitto(machine, uid=0)
    machine.fake("apt-get")
    machine.fake("systemctl")
    result = machine.run("make", "system-deps", SYSTEMD_RUN=str(tmp_path))
    assert result.returncode == 0, result.stderr
    changes = [call for call in machine.recorded() if call.startswith(("apt-get", "systemctl"))]
    assert [re.sub(r"^apt-get.*", "apt-get", call) for call in changes] == [
        "systemctl mask --runtime mosquitto.service",
        "apt-get",
        "systemctl unmask --runtime mosquitto.service",
        "systemctl disable --quiet mosquitto.service",
    ]
    assert "sudo systemctl enable --now mosquitto" in result.stdout


def test_another_system_is_told_what_to_install(machine: BareMachine) -> None:
    result = machine.run("make", "system-deps")
    assert result.returncode == 0
    assert "not a Debian system" in result.stdout
    assert "mosquitto" in result.stdout
