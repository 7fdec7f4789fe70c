"""The service: its unit is sound and tight, and it installs and uninstalls without a trace."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "edge-agent.service"

#: The design's strict draft reached 1.2; 0.2 of the rest reads the kernel's clock state.
MOST_EXPOSURE = 1.5

needs_systemd = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="needs Debian package systemd"
    ),
]


def service_section() -> configparser.SectionProxy:
    """The unit's [Service] section; of a repeated key the last value."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(UNIT)
    return unit["Service"]


# --- The unit


class TestUnit:
    pytestmark = needs_systemd

    def test_it_is_a_valid_unit(self, tmp_path: Path) -> None:
        unit = tmp_path / UNIT.name
        unit.write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M)
        )
        result = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
        )
        assert (result.returncode, result.stderr) == (0, "")

    def test_its_sandbox_is_tight(self) -> None:
        command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT)]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        exposure = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout)
        assert exposure
        assert float(exposure[1]) <= MOST_EXPOSURE

    def test_the_kernels_clock_state_stays_readable(self) -> None:
        allowed = UNIT.read_text().partition("SystemCallFilter=~")[2]
        assert "\nSystemCallFilter=adjtimex clock_adjtime clock_adjtime64\n" in allowed
        assert "ProtectClock" not in service_section()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay users into another root")
    def test_its_user_and_group_are_made(self, tmp_path: Path) -> None:
        conf = tmp_path / "etc/sysusers.d/edge-agent.conf"
        conf.parent.mkdir(parents=True)
        shutil.copy(ROOT / "systemd/edge-agent.sysusers.conf", conf)
        command = ["systemd-sysusers", f"--root={tmp_path}", "edge-agent.conf"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert re.search(r"^edge-agent:", (tmp_path / "etc/group").read_text(), re.MULTILINE)
        passwd = (tmp_path / "etc/passwd").read_text()
        assert re.search(r"^edge-agent:.*:/var/lib/edge-agent:\S*nologin$", passwd, re.MULTILINE)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("WatchdogSec", "30"),
        ("TimeoutStopSec", "10"),
        ("Restart", "always"),
        ("RestartPreventExitStatus", "2"),
        ("User", "edge-agent"),
        ("Group", "edge-agent"),
        ("RuntimeDirectory", "edge-agent"),
        ("RuntimeDirectoryMode", "0750"),
        ("StateDirectory", "edge-agent"),
        ("ExecStart", "/opt/edge-agent/bin/edge-agent run --config /etc/edge-agent/site.toml"),
    ],
)
def test_what_the_documents_promise_of_the_unit(key: str, value: str) -> None:
    assert service_section()[key] == value


# --- Installing


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with an environment that counts as ready, an empty lock and a wheel."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "requirements-demo.lock"):
        shutil.copy2(ROOT / name, copy / name)
    for name in (".ci", "systemd", "edge_agent", "configs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    if not (copy / "configs/agent.example.toml").exists():
        pytest.skip("configs/agent.example.toml is not there")
    (copy / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (copy / ".venv" / name).symlink_to(ROOT / ".venv" / name)
    (copy / ".venv" / ".setup").touch()
    (copy / "empty.lock").touch()
    return copy


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=checkout,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            "SERVICE_LOCK": str(checkout / "empty.lock"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="make install-service needs root")


@needs_root
def test_install_lays_the_service_and_uninstall_keeps_config_and_state(
    checkout: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    installed = make(checkout, "install-service", f"DESTDIR={root}")
    assert installed.returncode == 0, installed.stderr

    command = root / "opt/edge-agent/bin/edge-agent"
    assert command.read_text().startswith("#!/opt/edge-agent/bin/python")
    assert str(root) not in command.read_text()
    packages = next((root / "opt/edge-agent/lib").glob("python3.*/site-packages"))
    assert (packages / "edge_agent/types.py").read_text() == (
        ROOT / "edge_agent/types.py"
    ).read_text()
    assert not list(packages.glob("*edge_agent.pth")), "the service must not need the checkout"
    assert (root / "etc/systemd/system/edge-agent.service").read_text() == UNIT.read_text()
    assert (root / "etc/sysusers.d/edge-agent.conf").exists()
    assert os.readlink(root / "usr/local/bin/edge-agent") == "/opt/edge-agent/bin/edge-agent"
    config = root / "etc/edge-agent/site.toml"
    assert config.read_text() == (checkout / "configs/agent.example.toml").read_text()
    assert config.stat().st_mode & 0o777 == 0o640
    assert config.parent.stat().st_mode & 0o777 == 0o750

    config.write_text("mine")
    leftover = root / "opt/edge-agent/leftover-of-the-old-version"
    leftover.touch()
    upgraded = make(checkout, "install-service", f"DESTDIR={root}")
    assert upgraded.returncode == 0, upgraded.stderr
    assert config.read_text() == "mine", "a config is never overwritten"
    assert not leftover.exists()
    assert sorted(path.name for path in (root / "opt").iterdir()) == ["edge-agent"]

    state = root / "var/lib/edge-agent/outbox.sqlite"
    state.parent.mkdir(parents=True)
    state.touch()
    removed = make(checkout, "uninstall-service", f"DESTDIR={root}")
    assert removed.returncode == 0, removed.stderr
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())
    assert left == ["etc/edge-agent/site.toml", "var/lib/edge-agent/outbox.sqlite"]

    assert make(checkout, "uninstall-service", f"DESTDIR={root}", "PURGE=1").returncode == 0
    assert [path for path in root.rglob("*") if not path.is_dir()] == []


@needs_root
def test_a_failed_upgrade_leaves_the_old_version_in_place(checkout: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    old = root / "opt/edge-agent/bin/edge-agent"
    old.parent.mkdir(parents=True)
    old.write_text("the old one")
    broken = checkout / "broken.lock"
    broken.write_text("edge-agent-no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    result = subprocess.run(
        [str(checkout / "systemd/install"), str(checkout), str(root)],
        env={**os.environ, "SERVICE_LOCK": str(broken), "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode != 0
    assert old.read_text() == "the old one"
