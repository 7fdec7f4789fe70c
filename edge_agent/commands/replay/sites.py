"""A site's folder: `site.toml`, `footage.toml` and `expect.json`, replayed as one."""

from pathlib import Path

from edge_agent.commands.replay.showing import Wanted
from edge_agent.config import load
from edge_agent.errors import UsageError

SITE, FOOTAGE, EXPECT = "site.toml", "footage.toml", "expect.json"


def is_site_folder(what: str) -> bool:
    """Return whether `what` is a folder with a site file in it."""
    return (Path(what) / SITE).is_file()


def wanted_of(folder: Path, *, record: Path | None, draw: Path | None) -> Wanted:
    """Return the replay of a site's folder.

    Raises: UsageError where one of its files is missing; ConfigError.
    """
    for name, why in ((FOOTAGE, "what its cameras see"), (EXPECT, "the events that shall come")):
        if not (folder / name).is_file() and not (name == EXPECT and record is not None):
            more = f"; edge-agent replay {folder} --record {folder / EXPECT} writes it"
            raise UsageError(
                f"site {folder}: {name} is missing, {why}{more if name == EXPECT else ''}"
            )
    return Wanted(
        str(folder / FOOTAGE), load(folder / SITE), expect=None if record else folder / EXPECT,
        record=record, draw=draw,
    )  # fmt: skip
