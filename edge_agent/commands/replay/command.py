"""`edge-agent replay`: rules over clips, scenes and kept tracks, and what has changed."""

import json as json_text
import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge_agent.commands.replay.film import zone_of
from edge_agent.commands.replay.showing import Shown, Wanted, show
from edge_agent.commands.replay.since import Question, answer
from edge_agent.commands.replay.sites import is_site_folder, wanted_of
from edge_agent.commands.replay.telling import event_line, event_table
from edge_agent.config import load
from edge_agent.errors import UsageError
from edge_agent.settings import AgentSettings


def command(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="A video file, a footage file (TOML), kept tracks, scene:NAME, or folders with "
            "site.toml, footage.toml and expect.json."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The site file with the rules.")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="The camera that sees it.")] = None,
    start: Annotated[
        datetime | None,
        typer.Option(help="Wall time of the first picture, in the site's time zone."),
    ] = None,
    expect: Annotated[
        Path | None, typer.Option(help="The events that shall come (JSON); exit 1 if not.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write the events that came as expectation.")
    ] = None,
    draw: Annotated[Path | None, typer.Option(help="A folder for a still of each event.")] = None,
    tracks: Annotated[
        Path | None, typer.Option(help="Keep the tracks, to replay them without the detector.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Replay what the agent kept: 2h, 3d, yesterday, 2026-06-01T22:00."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Its end; as --since.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="With --since: the site file to compare with.",
            show_default="/etc/edge-agent/site.toml, where there is one",
        ),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="With --since: another folder of kept tracks.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the events as JSON.")] = False,
) -> None:
    """Replay footage or kept tracks through the rules, and compare the events."""
    logging.getLogger("edge_agent").addHandler(logging.NullHandler())
    console = Console(highlight=False, soft_wrap=True)
    if since is not None:
        if what or expect or record or tracks or draw:
            raise UsageError("replay: --since replays what the agent kept; give no other footage")
        asked = Question(since, until, _config(config), against, camera, journal)
        answer(console, asked, json=json)
        return
    if until or against or journal:
        raise UsageError("replay: --until, --against and --journal belong to --since")
    if what and all(is_site_folder(folder) for folder in what):
        if config or camera or start or expect or tracks:
            raise UsageError("replay: a site's folder says itself what is replayed and expected")
        raise typer.Exit(0 if _replay_sites(console, what, record, draw, json) else 1)
    if not what or len(what) > 1:
        raise UsageError("replay: give one clip or footage file, --since, or folders of sites")
    if expect and record:
        raise UsageError("replay: --record writes what --expect reads; give one")
    wanted = Wanted(what[0], load(_config(config)), camera, start, expect, record, draw, tracks)
    raise typer.Exit(0 if _replay(console, wanted, json) else 1)


def _config(config: Path | None) -> Path:
    if config is None:
        raise UsageError("replay: give --config FILE, the site file whose rules are replayed")
    return config


def _replay(console: Console, wanted: Wanted, json: bool) -> bool:
    """Replay one thing and tell of it; return whether it is as expected."""
    shown = show(wanted)
    if json:
        print(json_text.dumps([r.model_dump(exclude_none=True, by_alias=True) for r in shown.rows]))
    else:
        _tell_events(console, shown, wanted.settings)
    said = Console(stderr=True, highlight=False, soft_wrap=True) if json else console
    said.print(
        f"{len(shown.events)} events in {shown.footage_s:.1f} s of footage, {shown.frames} frames; "
        f"replayed {shown.speed:.0f} times as fast as it happened"
    )
    if wanted.draw is not None:
        more = f"; {shown.stills_left_out} more were not drawn" if shown.stills_left_out else ""
        said.print(f"{shown.stills} stills in {wanted.draw}{more}")
    if wanted.record is not None:
        said.print(f"{wanted.record}: {len(shown.rows)} events recorded")
    return _judge(said, shown, str(wanted.expect))


def _tell_events(console: Console, shown: Shown, settings: AgentSettings) -> None:
    zone = zone_of(settings)
    if console.is_terminal:
        console.print(event_table(shown.events, zone))
        return
    for told in shown.events:
        console.print(event_line(told, zone), markup=False)


def _judge(console: Console, shown: Shown, name: str) -> bool:
    """Say what differs from the expectation; return whether nothing does."""
    if shown.differences is None:
        return True
    for difference in shown.differences:
        console.print(difference.line(), markup=False, style="red")
    if shown.differences:
        console.print(f"{name}: {len(shown.differences)} differences", style="red")
        return False
    console.print(f"{name}: all {len(shown.rows)} events are as expected", style="green")
    return True


def _replay_sites(
    console: Console, folders: list[str], record: Path | None, draw: Path | None, json: bool
) -> bool:
    """Replay the folders of sites one after another; return whether all are as expected."""
    if record is not None and len(folders) > 1:
        raise UsageError("replay: --record writes one file; give one site's folder")
    if len(folders) == 1:
        return _replay(console, wanted_of(Path(folders[0]), record=record, draw=draw), json)
    good = True
    for name in folders:
        shown = show(wanted_of(Path(name), record=None, draw=draw))
        good = _judge(console, shown, name.rstrip("/")) and good
    return good
