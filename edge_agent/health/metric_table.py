"""Every metric: its name, its labels, and where in the snapshot its figures are.

`docs/operate.md` lists the same table; a test holds the two together. Names and units follow
prometheus.io/docs/practices/naming: base units, counters end in `_total`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent.types import Json

#: Label values and the figure; a histogram's figure is a distribution of the snapshot.
Row = tuple[Sequence[str], Json]
CAMERA = ("camera", "ring", "layer")
#: Counters of a camera with a metric of their own; all others share one.
_FRAMES = ("received", "decoded", "offered", "analysed")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: `name` as it is scraped, and how to read its rows from a snapshot."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]
    rows: Callable[[dict[str, Json]], Iterable[Row]]


def _one(*path: str, factor: float = 1.0) -> Callable[[dict[str, Json]], Iterable[Row]]:
    """Return a reader of a single figure; where the figure is None there is no row."""

    def rows(snapshot: dict[str, Json]) -> Iterator[Row]:
        value: Json = snapshot
        for key in path:
            value = value[key]
        if value is not None:
            yield (), float(value) * factor

    return rows


def _each(*path: str) -> Callable[[dict[str, Json]], Iterable[Row]]:
    """Return a reader of a table of figures: its keys are the label."""

    def rows(snapshot: dict[str, Json]) -> Iterator[Row]:
        table: Json = snapshot
        for key in path:
            table = table[key]
        for name, value in table.items():
            yield (name,), value

    return rows


def _cameras(
    read: Callable[[dict[str, Json]], Iterable[Row]],
) -> Callable[[dict[str, Json]], Iterable[Row]]:
    """Return a reader that gives the rows of every camera, its own labels first."""

    def rows(snapshot: dict[str, Json]) -> Iterator[Row]:
        for camera in snapshot["cameras"]:
            own = (camera["camera_id"], camera["ring"], camera["layer"])
            for labels, value in read(camera):
                yield (*own, *labels), value

    return rows


def _info(snapshot: dict[str, Json]) -> Iterator[Row]:
    plan = snapshot["plan"]
    shape = f"{plan['lanes']}x{plan['threads']}x{plan['batch']}"
    names = ("version", "site", "agent_id", "model_id", "provider")
    yield (*(str(snapshot[name]) for name in names), shape), 1


def _zones(snapshot: dict[str, Json]) -> Iterator[Row]:
    hottest: dict[str, float] = {}
    for zone in snapshot["pressure"]["zones"]:  # several cores may share a zone's name
        hottest[zone["name"]] = max(zone["celsius"], hottest.get(zone["name"], -273.15))
    yield from (((name,), celsius) for name, celsius in hottest.items())


def _frames(camera: dict[str, Json]) -> Iterator[Row]:
    for step in _FRAMES:
        yield (step,), camera["counts"].get(f"frames_{step}", 0)


def _other_counts(camera: dict[str, Json]) -> Iterator[Row]:
    known = {f"frames_{step}" for step in _FRAMES}
    for name, count in camera["counts"].items():
        if name not in known:
            yield (name,), count


def _rates(camera: dict[str, Json]) -> Iterator[Row]:
    effective = camera["effective"]
    for kind in ("target", "declared", "measured", "analysed"):
        rate = effective.get(f"{kind}_fps")
        if rate is not None:
            yield (kind,), rate


def _latency(snapshot: dict[str, Json]) -> Iterator[Row]:
    for kind, distribution in snapshot["latency_s"].items():
        yield (kind,), distribution


def _journal(key: str) -> Callable[[dict[str, Json]], Iterable[Row]]:
    """Return a reader of one figure of the kept tracks; no row where none are kept."""
    read = _one("journal", key)
    return lambda snapshot: read(snapshot) if snapshot["journal"] else ()


METRICS = (
    MetricRow(
        "edge_agent_info", "gauge", "what runs here; always 1",
        ("version", "site", "agent_id", "model", "provider", "plan"), _info,
    ),
    MetricRow("edge_agent_uptime_seconds", "gauge", "since the start", (), _one("uptime_s")),
    MetricRow("edge_agent_cpu_seconds_total", "counter", "CPU of the process", (), _one("cpu_s")),
    MetricRow(
        "edge_agent_thread_cpu_seconds_total", "counter", "the same by what threads are for",
        ("group",), _each("threads_cpu_s"),
    ),
    MetricRow(
        "edge_agent_stage_cpu_seconds_total", "counter", "CPU by stage, all cameras together",
        ("stage",), _each("stages_cpu_s"),
    ),
    MetricRow(
        "edge_agent_resident_memory_bytes", "gauge", "resident memory", (),
        _one("rss_mb", factor=1e6),
    ),
    MetricRow(
        "edge_agent_time_trusted", "gauge", "1 while the clock is synchronised", (),
        _one("time_trusted"),
    ),
    MetricRow("edge_agent_batches_total", "counter", "inferences", (), _one("hotloop", "batches")),
    MetricRow(
        "edge_agent_images_total", "counter", "pictures in them", (), _one("hotloop", "images")
    ),
    MetricRow(
        "edge_agent_load_level", "gauge", "how much is given up while the box is full; 0: nothing",
        (), _one("load", "level"),
    ),
    MetricRow("edge_agent_load_levels", "gauge", "the highest level", (), _one("load", "levels")),
    MetricRow(
        "edge_agent_lanes_busy_ratio", "gauge", "part of the lanes' time at work", (),
        _one("load", "lanes_busy"),
    ),
    MetricRow(
        "edge_agent_frames_late_ratio", "gauge", "part of the frames replaced or gone stale", (),
        _one("load", "late"),
    ),
    MetricRow(
        "edge_agent_cores_used_ratio", "gauge", "part of the cores it may use that it does use", (),
        _one("load", "cpu_share"),
    ),
    MetricRow(
        "edge_agent_cpu_stalled_ratio", "gauge", "part of the time in which work waited for a core",
        (), _one("pressure", "stalled"),
    ),
    MetricRow(
        "edge_agent_cpu_quota_hit_ratio", "gauge", "part of the quota's periods that ran dry", (),
        _one("pressure", "quota_hit"),
    ),
    MetricRow(
        "edge_agent_throttled", "gauge", "1 while heat or supply slows the processor", (),
        lambda snapshot: [((), float(snapshot["pressure"]["heat"] != "none"))],
    ),
    MetricRow(
        "edge_agent_temperature_celsius", "gauge", "of each thermal zone", ("zone",), _zones
    ),
    MetricRow(
        "edge_agent_cpu_frequency_hertz", "gauge", "of the slowest core", (),
        _one("pressure", "mhz", factor=1e6),
    ),
    MetricRow(
        "edge_agent_camera_live", "gauge", "1 while packets come", CAMERA,
        _cameras(lambda camera: [((), float(camera["state"] in ("live", "resting")))]),
    ),
    MetricRow(
        "edge_agent_camera_frames_total", "counter", "frames that got as far as `step`",
        (*CAMERA, "step"), _cameras(_frames),
    ),
    MetricRow(
        "edge_agent_camera_dropped_frames_total", "counter", "frames not analysed, by reason",
        (*CAMERA, "reason"), _cameras(_each("drops")),
    ),
    MetricRow(
        "edge_agent_camera_counts_total", "counter", "everything else that is counted, by name",
        (*CAMERA, "name"), _cameras(_other_counts),
    ),
    MetricRow(
        "edge_agent_camera_fps", "gauge", "frames a second: target, declared, measured, analysed",
        (*CAMERA, "kind"), _cameras(_rates),
    ),
    MetricRow(
        "edge_agent_camera_cpu_seconds_total", "counter", "CPU spent for this camera alone",
        (*CAMERA, "stage"), _cameras(_each("stages_cpu_s")),
    ),
    MetricRow(
        "edge_agent_camera_stride", "gauge", "every n-th frame of the pts grid is analysed", CAMERA,
        _cameras(_one("effective", "load", "every")),
    ),
    MetricRow(
        "edge_agent_camera_slo_seconds", "gauge", "how soon a frame should be analysed", CAMERA,
        _cameras(_one("effective", "slo", "ms", factor=1e-3)),
    ),
    MetricRow(
        "edge_agent_camera_within_slo_ratio", "gauge", "part of the last minute's frames that were",
        CAMERA, _cameras(_one("effective", "slo", "within")),
    ),
    MetricRow(
        "edge_agent_camera_latency_seconds", "histogram", "last packet to the end of analysis",
        CAMERA, _cameras(lambda camera: [((), camera["latency_s"])]),
    ),
    MetricRow(
        "edge_agent_event_latency_seconds", "histogram",
        "last packet to the broker's receipt; commit: to the disk", ("kind",), _latency,
    ),
    MetricRow(
        "edge_agent_outbox_waiting", "gauge", "committed events without a receipt", (),
        _one("outbox", "depth"),
    ),
    MetricRow("edge_agent_outbox_bytes", "gauge", "on disk", (), _one("outbox", "bytes")),
    MetricRow(
        "edge_agent_outbox_oldest_seconds", "gauge", "age of the oldest event that waits", (),
        _one("outbox", "oldest_s"),
    ),
    MetricRow(
        "edge_agent_outbox_last_seq", "gauge", "number of the newest committed event", (),
        _one("outbox", "last_seq"),
    ),
    MetricRow(
        "edge_agent_dropped_events_total", "counter", "events lost before the outbox, by reason",
        ("reason",), _each("drops"),
    ),
    MetricRow(
        "edge_agent_journal_bytes", "gauge", "tracks kept for replay, on disk", (),
        _journal("bytes"),
    ),
    MetricRow(
        "edge_agent_journal_oldest_seconds", "gauge", "age of the oldest of them", (),
        _journal("oldest_s"),
    ),
    MetricRow(
        "edge_agent_journal_frames_total", "counter", "frames whose tracks it took", (),
        _journal("frames"),
    ),
    MetricRow(
        "edge_agent_journal_lost_frames_total", "counter", "frames whose tracks were left out", (),
        _journal("lost"),
    ),
    MetricRow(
        "edge_agent_broker_connected", "gauge", "1 while the broker is there", (),
        lambda snapshot: [((), float(snapshot["broker"]["state"] == "connected"))],
    ),
    MetricRow(
        "edge_agent_broker_reconnects_total", "counter", "connections after the first", (),
        _one("broker", "reconnects"),
    ),
)  # fmt: skip
