"""From a measurement of the agent to the figures of the report: pure sums.

What the agent does not tell is None and is shown as "not told"; nothing is guessed.
"""

from collections.abc import Mapping

from edge_agent.commands.bench.agent import AgentRun
from edge_agent.health.histogram import subtract, summarise
from edge_agent.types import Json

FORMAT = "edge-agent bench 1"

#: The stages that a stream's CPU is split into, in the order of a frame's way.
STAGES = ("receive", "decode", "keyframe_look", "preprocess", "infer", "postprocess", "track",
          "rules", "outbox", "publish")  # fmt: skip
#: Stages that run in FFmpeg, swscale and ONNX Runtime with Python's lock released.
NATIVE = frozenset({"decode", "keyframe_look", "preprocess", "infer"})
#: Stages that have threads of their own, where the agent does not tell them as stages.
_OWN_THREADS = {"outbox": "outbox", "publish": "sender"}

#: A load is sustained where at least this share of the frames arrived and of the analysed ones
#: was not dropped.
_SUSTAINED = 0.99
#: Reasons that are no sign of overload.
_HARMLESS = {"stopped"}


def figures_of(run: AgentRun, *, fps: float | None = None) -> dict[str, Json]:
    """Return the figures of a run as JSON values.

    Args: `fps` of the generated streams, None where the cameras are the user's own.
    """
    streams = len(run.after.snapshot["cameras"])
    unit = 1e3 / run.seconds / streams  # CPU seconds -> ms a second and stream
    analysed, received = run.camera_counts("frames_analysed"), run.camera_counts("frames_received")
    drops = run.camera_drops()
    return {
        "streams": streams,
        "seconds": round(run.seconds, 1),
        "sustained": sustained(received, analysed, drops, run.seconds, fps),
        "frames": {
            "received": sum(received),
            "decoded": sum(run.camera_counts("frames_decoded")),
            "analysed": sum(analysed),
            "dropped": drops,
        },
        "analysed_fps": {
            "least": round(min(analysed) / run.seconds, 2),
            "mean": round(sum(analysed) / run.seconds / streams, 2),
        },
        "cores": round(run.cpu_s / run.seconds, 3),
        "cpu_ms": {"all": round(run.cpu_s * unit, 2), **_split(run, unit)},
        "feeders_cores": round(
            (run.after.feeders_cpu_s - run.before.feeders_cpu_s) / run.seconds, 3
        ),
        "track_ms_an_image": _a_frame(run, "track", sum(analysed)),
        "latency_s": {name: _latency(run, name) for name in ("event", "update", "commit", "frame")},
        "memory_mb": {
            "all": round(run.after.rss_mb, 1),
            "before_cameras": round(run.base_mb, 1),
            "a_stream": round((run.after.rss_mb - run.base_mb) / streams, 2),
        },
        "energy": _energy(run, streams),
        "awake": _awake(run),
    }


def sustained(
    received: list[int],
    analysed: list[int],
    drops: Mapping[str, int],
    seconds: float,
    fps: float | None,
) -> dict[str, Json]:
    """Return whether the load was held, and else what failed first.

    A camera's frames must arrive (else the streams' source was at its limit) and what was
    chosen to be analysed must have been, both to 99 %.
    """  # fmt: skip
    lost = sum(n for reason, n in drops.items() if reason not in _HARMLESS)
    chosen = sum(analysed) + lost
    if fps is not None and min(received) < _SUSTAINED * fps * seconds:
        arrived = min(received) / (fps * seconds)
        return {"held": False, "why": f"only {arrived:.1%} of a camera's frames arrived"}
    if chosen and lost > (1 - _SUSTAINED) * chosen:
        said = ", ".join(f"{reason} {n}" for reason, n in sorted(drops.items()))
        return {"held": False, "why": f"{lost / chosen:.1%} of the chosen frames dropped: {said}"}
    return {"held": True, "why": "every frame arrived, at most 1 % of the chosen ones dropped"}


def _split(run: AgentRun, unit: float) -> dict[str, Json]:
    """Return the CPU by stage, what is left, and at most how much of it held Python's lock."""
    told = run.grown("stages_cpu_s")
    threads = run.grown("threads_cpu_s")
    for stage, group in _OWN_THREADS.items():
        if stage not in told and group in threads:
            told[stage] = threads[group]
    stages = {
        name: round(told.get(name, 0.0) * unit, 3) if told else None
        for name in (*STAGES, *sorted(set(told) - set(STAGES)))
    }
    known = sum(told.values())
    native = sum(seconds for name, seconds in told.items() if name in NATIVE)
    return {
        "stages": stages,
        "rest": round(max(0.0, run.cpu_s - known) * unit, 3) if told else None,
        "python_at_most": round(max(0.0, run.cpu_s - native) * unit, 3) if told else None,
        "threads": {name: round(seconds * unit, 3) for name, seconds in threads.items()},
    }


def _a_frame(run: AgentRun, stage: str, frames: int) -> float | None:
    """Return the CPU milliseconds of a stage an analysed frame."""
    told = run.grown("stages_cpu_s")
    return round(told[stage] / frames * 1e3, 4) if stage in told and frames else None


def _latency(run: AgentRun, name: str) -> dict[str, Json] | None:
    """Return n, p50, p90, p99 in seconds of what fell between the looks; None: not told."""
    if name == "frame":
        pairs = zip(run.before.snapshot["cameras"], run.after.snapshot["cameras"], strict=True)
        told = [(old["latency_s"], new["latency_s"]) for old, new in pairs]
    else:
        old, new = (look.snapshot["latency_s"].get(name) for look in (run.before, run.after))
        if old is None or new is None:
            return None
        told = [(old, new)]
    grown: dict[int, int] = {}
    for before, after in told:
        for bucket, n in subtract(_buckets(after), _buckets(before)).items():
            grown[bucket] = grown.get(bucket, 0) + n
    found: dict[str, Json] = dict(summarise(grown))
    return {**found, "buckets": {str(bucket): n for bucket, n in sorted(grown.items())}}


def _buckets(distribution: Mapping[str, Json]) -> dict[int, int]:
    return {int(bucket): n for bucket, n in distribution["buckets"].items()}


def _energy(run: AgentRun, streams: int) -> dict[str, Json] | None:
    """Return joules of the whole machine; None without a sensor."""
    if run.joules is None:
        return None
    return {
        "source": run.energy_source,
        "watts": round(run.joules / run.seconds, 2),
        "joules_a_stream_s": round(run.joules / run.seconds / streams, 3),
    }


def _awake(run: AgentRun) -> dict[str, int]:
    """Return how many cameras were awake and asleep at the end."""
    seen: dict[str, int] = {}
    for camera in run.after.snapshot["cameras"]:
        decode = camera["effective"].get("decode")
        word = str(decode.get("state")) if isinstance(decode, dict) else "awake"
        seen[word] = seen.get(word, 0) + 1
    return seen
