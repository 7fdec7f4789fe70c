"""The README's commands work: each `sh` block runs here, or says why it does not."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.types import CameraState, DropReason

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]


@dataclass(frozen=True)
class Block:
    """One ```sh block, and the reason in the comment before it, if there is one."""

    script: str
    not_run: str | None


def blocks_of(text: str) -> list[Block]:
    """Return the `sh` blocks of a Markdown text in order."""
    fence = re.compile(
        r"(?:^<!-- not-run: (?P<reason>[^\n]+) -->\n)?^```sh\n(?P<script>.*?)^```$",
        re.MULTILINE | re.DOTALL,
    )
    return [Block(found["script"], found["reason"]) for found in fence.finditer(text)]


BLOCKS = blocks_of(README.read_text())
RUN = [block for block in BLOCKS if block.not_run is None]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with this environment's programs, ready as after `make setup`."""
    copy = tmp_path_factory.mktemp("readme") / "checkout"
    shutil.copytree(
        ROOT,
        copy,
        ignore=shutil.ignore_patterns(".venv", ".git", "build", ".*_cache", "__pycache__"),
    )
    environment = copy / ".venv"
    environment.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (environment / name).symlink_to(ROOT / ".venv" / name)
    (environment / ".setup").touch()
    (environment / ".setup-dev").touch()
    return copy


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.script.splitlines()[0])
def test_a_block_runs(block: Block, checkout: Path) -> None:
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.script],
        cwd=checkout,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


def test_every_fence_is_a_block_that_runs_or_says_why_not() -> None:
    fences = re.findall(r"^```\w*$", README.read_text(), re.MULTILINE)
    assert len(fences) == 2 * len(BLOCKS), "only ```sh blocks, each closed"
    assert RUN
    assert all(len(block.not_run or "a reason") > 5 for block in BLOCKS)


def test_the_quick_start_begins_with_the_apt_line_and_then_two_commands() -> None:
    first, second, third = (block.script.strip() for block in BLOCKS[:3])
    assert first == "sudo apt install make git python3-venv"
    assert (second, third) == ("make demo", "make test")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.script.splitlines()[0])
def test_every_make_target_and_command_exists(block: Block) -> None:
    from edge_agent.cli import COMMANDS

    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (?:-n )?([a-z0-9-]+)", block.script, re.MULTILINE)) <= targets
    assert set(re.findall(r"edge-agent ([a-z]+)", block.script)) <= {*COMMANDS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text())
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("word", [*CameraState, *DropReason])
def test_the_operators_page_explains_every_state_and_drop(word: str) -> None:
    assert f"\n| `{word}` | " in (ROOT / "docs/operate.md").read_text()
