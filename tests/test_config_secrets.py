"""Secret files and other named files: found, read, refused, and who may read them."""

import os
from pathlib import Path

import pytest

from edge_agent.config import find_problems, load
from edge_agent.config.access import User, current_user, find_user, reading_fault, writing_fault
from tests.config_support import (
    MINIMAL,
    NOBODY,
    complaints,
    site_folder,
    without_root,
    write_site,
)

__all__ = ["site_folder"]

SITE = Path("site.toml")
WITH_FILE = MINIMAL + 'username = "viewer"\npassword_file = "gate.password"\n'
PLACE = "site.toml:10: camera[1] gate-north, key password_file: "
STRANGER = User("stranger", NOBODY, NOBODY, frozenset([NOBODY]))


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        pytest.param(b"p@ss#1\n", "p@ss#1", id="one newline goes"),
        pytest.param(b"p@ss#1", "p@ss#1", id="none is needed"),
        pytest.param(b"p@ss\r\n", "p@ss", id="one of Windows"),
        pytest.param(b" p ss ", " p ss ", id="spaces stay"),
        pytest.param("пароль\n".encode(), "пароль", id="any script"),
        pytest.param(b"\xef\xbb\xbfp@ss\n", "p@ss", id="a byte order mark goes"),
    ],
)
def test_a_secret_file_is_one_line(site_folder: Path, content: bytes, secret: str) -> None:
    write_site(site_folder, WITH_FILE)
    (site_folder / "gate.password").write_bytes(content)
    camera = load(SITE, {}).camera[0]
    assert camera.password is not None
    assert camera.password.get_secret_value() == secret
    assert camera.password_file == site_folder / "gate.password"


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", "gate.password is empty; allowed: one line with the password"),
        (b"\n", "gate.password is empty; allowed: one line with the password"),
        (
            b"hunter2\n\n",
            "gate.password holds more than one line; allowed: one line with the password",
        ),
        (b"hunter2\xff\n", "gate.password is not UTF-8 text"),
        (b"hunter2" * 1000, "gate.password is longer than 4096 bytes; allowed: one line"),
    ],
)
def test_a_secret_file_that_is_refused(site_folder: Path, content: bytes, answer: str) -> None:
    write_site(site_folder, WITH_FILE)
    (site_folder / "gate.password").write_bytes(content)
    assert complaints(SITE) == [PLACE + answer]


def test_a_credential_of_systemd_goes_before_the_file_of_its_name(
    site_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_site(site_folder, WITH_FILE)
    handed = tmp_path_factory.mktemp("credentials")
    (handed / "gate.password").write_text("handed\n")
    environ = {"CREDENTIALS_DIRECTORY": str(handed)}
    (site_folder / "gate.password").write_text("beside\n")
    for expected in ("handed", "beside"):
        camera = load(SITE, environ).camera[0]
        assert camera.password is not None
        assert camera.password.get_secret_value() == expected
        (handed / "gate.password").unlink(missing_ok=True)


def test_an_unreadable_secret_names_who_cannot_read_it_and_what_helps(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("open")
    for above in (folder, *folder.parents[:3]):
        if above.owner() == current_user().name and above != Path("/"):
            above.chmod(0o755)
    site = write_site(folder, WITH_FILE)
    site.chmod(0o644)
    secret = folder / "gate.password"
    secret.write_text("hunter2\n")
    secret.chmod(0o000 if os.geteuid() else 0o600)
    with without_root():
        user = current_user()
        problems = [problem.text for problem in find_problems(site, {})]
        fault = reading_fault(secret, user)
    assert fault is not None
    assert fault.startswith(f"user {user.name} cannot read it (mode 0")
    assert fault.endswith(f"&& chmod 0640 {secret}")
    assert problems == [f"{site}:10: camera[1] gate-north, key password_file: {secret}: {fault}"]


def test_an_unreadable_site_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("open")
    for above in (folder, *folder.parents[:3]):
        if above.owner() == current_user().name and above != Path("/"):
            above.chmod(0o755)
    site = write_site(folder, MINIMAL)
    site.chmod(0o000 if os.geteuid() else 0o600)
    with without_root():
        problems = [problem.text for problem in find_problems(site, {})]
        name = current_user().name
    assert len(problems) == 1
    assert problems[0].startswith(f"{site}: cannot be read: user {name} cannot read it (mode 0")


def test_who_can_read_what(tmp_path: Path) -> None:
    state = tmp_path.stat()
    owner = User("owner", state.st_uid or 1000, 1000, frozenset([1000]))
    file = tmp_path / "secret"
    file.write_text("x")
    os.chmod(tmp_path, 0o755)
    group = User("member", NOBODY, NOBODY, frozenset([NOBODY, file.stat().st_gid]))
    for mode, can_group, can_stranger in [
        (0o600, False, False),
        (0o640, True, False),
        (0o644, True, True),
        (0o604, False, True),  # a group's member is not one of the others
    ]:
        file.chmod(mode)
        assert (_fault_of_last(file, group) is None) == can_group
        assert (_fault_of_last(file, STRANGER) is None) == can_stranger
    assert reading_fault(file, User("root", 0, 0, frozenset([0]))) is None
    assert reading_fault(tmp_path / "absent", owner) is None


def _fault_of_last(file: Path, user: User) -> str | None:
    """The fault of the file itself; folders above a test's own are not its matter."""
    fault = reading_fault(file, user)
    return None if fault and "cannot enter the folder" in fault else fault


def test_a_closed_folder_on_the_way_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    file = closed / "secret"
    file.write_text("x")
    for above in tmp_path.parents[:3]:
        if above != Path("/"):
            above.chmod(above.stat().st_mode | 0o001)
    tmp_path.chmod(0o755)
    fault = reading_fault(file, STRANGER)
    assert fault is not None
    assert fault.startswith(f"user stranger cannot enter the folder {closed} (mode 0700, owner ")
    assert fault.endswith(f"run: chmod o+x {closed}")


def test_who_can_write_where(tmp_path: Path) -> None:
    wanted = tmp_path / "state" / "edge-agent"
    tmp_path.chmod(0o755)
    fault = writing_fault(wanted, STRANGER)
    assert fault is not None
    assert fault.startswith(f"user stranger cannot write to {tmp_path} (mode 0755, owner ")
    assert fault.endswith(f"run: install -d -o stranger -m 0750 {wanted}")
    tmp_path.chmod(0o777)
    assert writing_fault(wanted, STRANGER) is None
    assert find_user("no-such-user-here") is None
