"""`edge-agent check`: what is wrong with a site file, or what would run with it."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.clock import SystemClock
from edge_agent.commands.check_notes import notes
from edge_agent.commands.check_rules import describe_rules, rule_lines
from edge_agent.commands.check_slips import slips
from edge_agent.config import (
    Problem,
    find_problems,
    load,
    model_manifest,
    state_dir,
    status_socket,
)
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.errors import ModelError
from edge_agent.hotloop.planning import known_plan
from edge_agent.policy.decoding import decode_mode
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.settings.hours import ALWAYS
from edge_agent.types import Json


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The site file.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
) -> None:
    """Say what is wrong with a site file, or what would run. Asks no camera and no broker."""
    problems = find_problems(config)
    if problems:
        _refuse([problem.text for problem in problems], problems, as_json)
    settings = load(config)
    try:
        manifest = _find_model(settings)
    except ModelError as error:
        _refuse(str(error).splitlines(), [], as_json)
    report = describe(settings, manifest)
    report |= describe_rules(settings, SystemClock().wall_ns())
    report["notes"] = [
        *notes(settings, config, manifest.file),
        *slips(settings, manifest.class_table.classes),
    ]
    if as_json:
        print(json.dumps({"ok": True, **report}, ensure_ascii=False))
    else:
        print("\n".join([f"{config}: nothing is wrong", *_lines(report)]))


def _refuse(lines: list[str], problems: Sequence[Problem], as_json: bool) -> None:
    """Print what is wrong and end with status 2."""
    if as_json:
        rows = [asdict(problem) for problem in problems] or [{"text": line} for line in lines]
        print(json.dumps({"ok": False, "problems": rows}, default=str, ensure_ascii=False))
    else:
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        typer.echo("\n".join([*lines, f"{count}; nothing would start"]), err=True)
    raise typer.Exit(2)


def _find_model(settings: AgentSettings) -> Manifest:
    path = model_manifest(settings)
    manifest = load_manifest(path)
    if not os.access(manifest.file, os.R_OK) or not manifest.file.is_file():
        raise ModelError(f"{path}: key file: {manifest.file} is no file that can be read")
    return manifest


def describe(settings: AgentSettings, manifest: Manifest) -> dict[str, Json]:
    """Return what would run, without any credential."""
    broker = settings.broker
    return {
        "agent_id": settings.agent_id,
        "site": settings.site,
        "state_dir": str(state_dir(settings)),
        "status_socket": str(status_socket(settings)),
        "broker": {
            "url": broker.url,
            "username": broker.username,
            "has_password": broker.password is not None,
            "topics": f"{broker.topic_root}/{settings.site}/{settings.agent_id}/",
        },
        "model": {
            "model_id": manifest.model_id,
            "boxed": settings.model.manifest is None,
            "classes": [_class_word(c.name, c.subclass) for c in manifest.class_table.classes],
            "score_threshold": manifest.score_threshold,
            "provider": settings.model.provider,
        },
        "plan": _describe_plan(settings),
        "cameras": [_describe_camera(camera) for camera in settings.camera],
    }


def _describe_plan(settings: AgentSettings) -> dict[str, Json]:
    """Return the plan that a start would run; its numbers are None where it would measure."""
    known = known_plan(settings, state_dir(settings))
    if known is None:
        asked = settings.model.plan.model_dump(mode="json")
        return {**asked, "origin": "not measured yet", "why": None}
    numbers = known.plan.model_dump(mode="json")
    return {**numbers, "origin": known.origin, "why": known.why}


def _class_word(name: str, subclass: str | None) -> str:
    return f"{name}/{subclass}" if subclass else name


def _describe_camera(camera: CameraSettings) -> dict[str, Json]:
    is_stream = "://" in camera.read_url
    mode, because = decode_mode(camera)
    return {
        "id": camera.id,
        "ring": camera.ring.value,
        "position": camera.position,
        "layer": camera.layer.value,
        "target_fps": camera.target_fps,
        "transport": camera.transport.value if is_stream else "file",
        "decode": mode.value,
        "decode_because": because,
        "hours": camera.hours,
        "zones": [zone.id for zone in camera.zones],
        "lines": [line.id for line in camera.lines],
        "ignore": len(camera.ignore),
        "picture": camera.read_url,
    }


def _lines(report: dict[str, Json]) -> Iterator[str]:
    broker, model, plan = report["broker"], report["model"], report["plan"]
    yield f"agent    {report['agent_id']} at site {report['site']}"
    yield f"state    {report['state_dir']}"
    yield f"status   {report['status_socket']}"
    login = f"as {broker['username']}" if broker["username"] else "without a user name"
    password = " with a password" if broker["has_password"] else ""
    yield f"broker   {broker['url']} {login}{password}, topics under {broker['topics']}"
    boxed = " (comes with the agent)" if model["boxed"] else ""
    yield (
        f"model    {model['model_id']}{boxed}, scores from {model['score_threshold']:g}, "
        f"provider {model['provider']}"
    )
    yield f"classes  {', '.join(model['classes'])}"
    yield f"plan     {_plan_words(plan)}"
    yield (
        f"         latency budget {plan['latency_budget_ms']:g} ms, "
        f"window {plan['window_ms']:g} ms, "
        f"staleness {plan['staleness_ms']:g} ms"
    )
    cameras = report["cameras"]
    asked = sum(camera["target_fps"] for camera in cameras)
    yield f"cameras  {len(cameras)}, together {asked:g} pictures a second to analyse"
    yield ""
    yield from _camera_table(cameras)
    yield from rule_lines(report, _table)
    if report["notes"]:
        yield ""
        yield from (f"note: {note}" for note in report["notes"])


def _plan_words(plan: dict[str, Json]) -> str:
    numbers = [plan[name] for name in ("lanes", "threads", "batch")]
    if plan["origin"] == "cached":
        return f"{plan['why']} (measured before)"
    words = " × ".join("?" if number is None else str(number) for number in numbers)
    if None in numbers:
        return f"{words} (lanes × threads × batch); the first start measures it, at most 20 s"
    return f"{words} (lanes × threads × batch), forced by this file"


def _camera_table(cameras: list[dict[str, Json]]) -> Iterator[str]:
    head = ("camera", "ring", "layer", "fps", "transport", "decode", "zones", "picture from")
    rows = []
    for camera in cameras:
        zones = ",".join(camera["zones"]) or "-"
        zones += f" +{camera['ignore']} ignored" if camera["ignore"] else ""
        moves = f"by {camera['position']}, else " if camera["position"] else ""
        rows.append(
            (
                camera["id"],
                moves + camera["ring"],
                camera["layer"],
                f"{camera['target_fps']:g}",
                camera["transport"],
                camera["decode"] + ("" if camera["hours"] == ALWAYS else f", {camera['hours']}"),
                zones,
                camera["picture"],
            )
        )
    yield from _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give rows as aligned columns, plain enough for any terminal and for grep."""
    every = [head, *rows]
    widths = [max(len(row[i]) for row in every) for i in range(len(head))]
    for row in every:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
