"""A machine with nothing on its PATH but basic tools and what a test puts there."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock")
#: What the Makefile's recipes and the scripts in .ci call besides Python.
TOOLS = ["make", "bash", "sh", "env", "id", "dirname", "touch", "true", "rm", "sed", "expand"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs Debian package make")


class BareMachine:
    """A copy of what `make` reads, and a PATH with nothing but basic tools and fakes."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.bin.mkdir(parents=True)
        self.calls.touch()
        shutil.copytree(ROOT / ".ci", self.checkout / ".ci")
        for name in ("Makefile", "pyproject.toml", *LOCKS):
            shutil.copy2(ROOT / name, self.checkout / name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def fake(self, name: str, body: str = "") -> None:
        """Put a program on the PATH that records its arguments, then does `body`."""
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{body}\n')
        (self.bin / name).chmod(0o755)

    def fake_python(
        self, name: str, *, bits: int = 64, ensurepip: bool = True, pip: bool = True
    ) -> None:
        """Put a Python on the PATH that answers the Makefile's questions and makes fake venvs.

        An environment's Python has a pip only where its maker has ensurepip.
        """
        inner = self.bin.parent / f"{name}-of-a-venv"
        inner.write_text(
            f'#!/bin/sh\necho "venv-python $*" >> {self.calls}\nexit {0 if ensurepip else 1}\n'
        )
        inner.chmod(0o755)
        self.fake(
            name,
            f"""case "$*" in
              *sys.maxsize*) exit {0 if bits == 64 else 1};;
              *ensurepip*) exit {0 if ensurepip else 1};;
              *"import pip"*) exit {0 if pip else 1};;
              "-m venv"*) {shutil.which("mkdir")} -p .venv/bin
                {shutil.which("cp")} {inner} .venv/bin/python;;
            esac""",
        )

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `command` in the copy, without a terminal."""
        return subprocess.run(
            command,
            cwd=self.checkout,
            env={"PATH": str(self.bin), "HOME": str(self.checkout), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def recorded(self) -> list[str]:
        return self.calls.read_text().splitlines()
