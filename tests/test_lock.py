"""The lock files: one resolution for Python 3.11 to 3.14, pinned by hash, without addresses."""

import re
import tomllib

import pytest

from tests.bare_machine import LOCKS, ROOT


def pins_of(lock: str) -> set[str]:
    """The pinned requirements of a lock file, with their markers."""
    lines = (ROOT / lock).read_text().splitlines()
    return {line.removesuffix("\\").strip() for line in lines if re.match(r"[a-z0-9]", line)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_pins_everything_by_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|@ file", text)
    assert all(re.match(r"[a-z0-9._-]+==\S+( ; .+)?$", pin) for pin in pins_of(lock))
    blocks = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_locks_are_views_of_one_resolution() -> None:
    service, demo, dev = (pins_of(lock) for lock in LOCKS)
    assert service < demo < dev


def test_the_lock_covers_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {re.split(r"[<>=\[;]", line)[0] for line in project["dependencies"]}
    locked = {pin.partition("==")[0] for pin in pins_of("requirements.lock")}
    assert asked <= locked


def test_the_screenless_opencv_is_the_only_one() -> None:
    opencv = {pin.partition("==")[0] for pin in pins_of(LOCKS[-1]) if pin.startswith("opencv")}
    assert opencv == {"opencv-python-headless"}
