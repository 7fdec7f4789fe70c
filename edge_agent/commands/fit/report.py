"""The report of `edge-agent fit`: as JSON values, and as a table for people."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Group
from rich.table import Table
from rich.text import Text

from edge_agent.hotloop.planning import Decision
from edge_agent.policy.budget import USABLE, BoxCosts, CameraCost, Figure, StreamFacts, Verdict
from edge_agent.settings import AgentSettings, DecodeMode
from edge_agent.types import Json


def as_report(
    settings: AgentSettings,
    decision: Decision,
    box: BoxCosts,
    streams: Sequence[StreamFacts],
    costs: Sequence[CameraCost],
    verdict: Verdict,
    *,
    step: str | None,
    awake: float,
    most: float | None,
    disturbed: bool,
) -> dict[str, Json]:
    """Return everything as JSON values; costs in CPU milliseconds a second.

    Args: `step` the first step of the site's ladder on which it fits, None where none is enough;
        `most` up to which part of the time cameras may be awake, None where not even 0 fits;
        `disturbed` whether other programs took the cores while the box was measured.
    """
    plan = decision.plan
    return {
        "fits": verdict.fits,
        "tight": verdict.tight,
        "cores_share": round(verdict.cores_share, 3),
        "lanes_share": round(verdict.lanes_share, 3),
        "usable_share": USABLE,
        "uncertainty": round(verdict.uncertainty, 3),
        "headroom": round(verdict.headroom, 3),
        "degraded_to": step,
        "awake": awake,
        "most_awake": most,
        "disturbed": disturbed,
        "box": {name: _figure(value) for name, value in asdict_of(box).items()},
        "plan": {
            "lanes": plan.lanes,
            "threads": plan.threads,
            "batch": plan.batch,
            "provider": decision.provider,
            "origin": decision.origin,
        },
        "cameras": [
            {
                **asdict(cost),
                "total": cost.total,
                "ring": camera.ring.value,
                "layer": camera.layer.value,
                "stream": asdict(stream),
            }
            for camera, stream, cost in zip(settings.camera, streams, costs, strict=True)
        ],
    }


def asdict_of(box: BoxCosts) -> dict[str, float | Figure]:
    """Return the fields of the box's costs, figures as they are."""
    return {name: getattr(box, name) for name in box.__dataclass_fields__}


def _figure(value: float | Figure) -> Json:
    return {"value": value.value, "spread": value.spread} if isinstance(value, Figure) else value


def draw(report: dict[str, Json]) -> Group:
    """Return the screen of a report."""
    return Group(_box_lines(report), _camera_table(report), *_verdict(report))


def _box_lines(report: dict[str, Json]) -> Text:
    box, plan = report["box"], report["plan"]

    def told(name: str, unit: str) -> str:
        return f"{box[name]['value']:.1f} ± {box[name]['spread']:.1f} {unit}"

    shape = f"{plan['lanes']}×{plan['threads']}×{plan['batch']}"
    return Text(
        f"box: {box['cores']:g} cores; decoding {told('frame_ms_mpx', 'ms')} a megapixel, "
        f"keyframes {told('keyframe_ms_mpx', 'ms')}; a picture {told('image_ms', 'ms')} of CPU, "
        f"lanes {told('images_s', 'pictures/s')} (plan {shape} on {plan['provider']}, "
        f"{plan['origin']})"
    )


def _camera_table(report: dict[str, Json]) -> Table:
    table = Table(box=None, pad_edge=False, title="CPU milliseconds a second", title_justify="left")
    for name in ("camera", "ring", "layer", "stream", "known by", "decode"):
        table.add_column(name, no_wrap=True)
    for name in ("receive", "decoding", "inference", "rest", "sum"):
        table.add_column(name, justify="right", no_wrap=True)
    for camera in report["cameras"]:
        stream = camera["stream"]
        width, height = stream["wh"]
        parts = ("receive", "decode", "infer", "overhead", "total")
        table.add_row(
            camera["camera_id"],
            camera["ring"],
            camera["layer"],
            f"{stream['codec']} {width}x{height} {stream['fps']:g} fps",
            stream["known"],
            camera["mode"],
            *(f"{camera[part]:.0f}" for part in parts),
        )
    return table


def _verdict(report: dict[str, Json]) -> Iterator[Text]:
    share = max(report["cores_share"], report["lanes_share"])
    of = "the cores" if report["cores_share"] >= report["lanes_share"] else "the lanes' time"
    low, high = share * (1 - report["uncertainty"]), share * (1 + report["uncertainty"])
    usable = f"{report['usable_share']:.0%}"
    sums = f"{share:.0%} of {of} (measured {low:.0%} to {high:.0%}), of which {usable} are usable"
    if report["fits"]:
        style = "yellow" if report["tight"] else "green"
        words = "fits, but tightly" if report["tight"] else "fits"
        yield Text(f"{words}: {sums}; head-room {report['headroom']:.0%}", style=style)
    else:
        yield Text(
            f"does not fit: {sums}; {-report['headroom']:.0%} of it must go", style="bold red"
        )
        yield Text(_what_goes(report))
    yield from (Text(f"note: {note}") for note in notes(report))


def _what_goes(report: dict[str, Json]) -> str:
    if report["degraded_to"] is None:
        return (
            "giving up frames is not enough: receiving and decoding alone take too much; use "
            "detect_url, decode on demand, fewer cameras or a larger box"
        )
    return (
        f'it would run degraded, down to the step "{report["degraded_to"]}" (docs/design/load.md); '
        "lower target_fps, use detect_url, a smaller model or a larger box"
    )


def notes(report: dict[str, Json]) -> Iterator[str]:
    """Give what the figures do not know, one line each."""
    cameras = report["cameras"]
    assumed = [c["camera_id"] for c in cameras if "assumed" in c["stream"]["known"]]
    if assumed:
        yield f"the streams of {', '.join(assumed)} are assumed; --probe asks the cameras"
    on_demand = [c for c in cameras if c["mode"] == DecodeMode.ON_DEMAND.value]
    if on_demand:
        most = report["most_awake"]
        limit = "not even when all sleep" if most is None else f"up to {most:.0%}"
        yield (
            f"{len(on_demand)} cameras decode on demand and count as awake {report['awake']:.0%} "
            f"of the time (--awake); it fits {limit}"
        )
    if report["disturbed"]:
        yield "other programs took the cores meanwhile; measure again without them"
    reckoned = [c["stream"] for c in cameras if c["stream"]["decode_ms"] is None]
    others = sorted({stream["codec"] for stream in reckoned} - {"h264"})
    if others:
        yield f"decoding was measured with h264; {', '.join(others)} may cost more or less"
    if reckoned:
        yield (
            "the range is that of repeated measuring; a real scene may decode for half or for "
            "twice as much as the measured one"
        )
