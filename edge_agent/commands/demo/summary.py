"""What the demo says at its end: the difference of two status snapshots, and the events seen."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from edge_agent.contract.models import EndEvent, TrackEvent
from edge_agent.contract.parse import AnyMessage
from edge_agent.health.histogram import quantile, subtract
from edge_agent.types import Json

#: Column of the table -> counter of the snapshot.
_COUNTS = {
    "received": "frames_received",
    "decoded": "frames_decoded",
    "analysed": "frames_analysed",
    "detections": "detections",
}


class Tally:
    """The events that arrived at the subscriber within the counted time."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._tracks: dict[tuple[str, str], set[int]] = {}

    def add(self, message: AnyMessage) -> None:
        """Count an event."""
        kind = getattr(message, "kind", None)
        if kind is None:
            return
        self.kinds[kind.value] += 1
        if isinstance(message, TrackEvent | EndEvent):
            self._events[message.camera_id] += 1
            for track in message.tracks:
                who = self._tracks.setdefault((message.camera_id, track.class_), set())
                who.add(track.track_id)

    def events_of(self, camera_id: str) -> int:
        """Return a camera's number of events about tracks."""
        return self._events[camera_id]

    def tracks_of(self, camera_id: str, what: str) -> int:
        """Return how many different tracks of a class, person or vehicle, a camera told of."""
        return len(self._tracks.get((camera_id, what), ()))


def draw_summary(
    before: dict[str, Json], after: dict[str, Json], seconds: float, tally: Tally
) -> Group:
    """Return the summary of what happened between two snapshots `seconds` apart."""
    cameras = [camera["camera_id"] for camera in after["cameras"]]
    cpu_s = after["cpu_s"] - before["cpu_s"]
    per_stream = cpu_s / seconds / len(cameras)
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(tally.kinds.items())) or "none"
    lines = [
        f"frames dropped: {_frame_drops(before, after)}",
        f"events: {sum(tally.kinds.values())} ({kinds})",
        f"tracks: {_tracks(cameras, tally)}",
        f"latency from a frame's last packet to PUBACK: {_latency(before, after, 'event')}; "
        f"of updates, which wait to be sent together: {_latency(before, after, 'update')}",
        f"CPU: {per_stream * 1e3:.0f} ms a second and stream ({per_stream:.1%} of a core), "
        f"{cpu_s:.1f} s for {len(cameras)} streams in {seconds:.1f} s",
    ]
    lost = grown(before["drops"], after["drops"])
    if lost:
        lines.append(f"events dropped before the outbox: {_reasons(lost)}")
    title = Text(f"\n{seconds:.1f} s from the last camera's first frame", style="bold")
    return Group(title, _cameras(before, after, tally), Text("\n".join(lines)))


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return how much each counter grew, without those that did not."""
    steps = {name: n - before.get(name, 0) for name, n in after.items()}
    return {name: n for name, n in steps.items() if n}


def _cameras(before: dict[str, Json], after: dict[str, Json], tally: Tally) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))  # 80 columns hold it
    for name in ("camera", "ring", "layer"):
        table.add_column(name)
    for name in (*_COUNTS, "events"):
        table.add_column(name, justify="right", no_wrap=True)
    totals = Counter[str]()
    for old, new in zip(before["cameras"], after["cameras"], strict=True):
        counts = grown(old["counts"], new["counts"])
        row = {column: counts.get(counter, 0) for column, counter in _COUNTS.items()}
        row["events"] = tally.events_of(new["camera_id"])
        totals.update(row)
        table.add_row(new["camera_id"], new["ring"], new["layer"], *map(str, row.values()))
    table.add_row("all", "", "", *(str(totals[name]) for name in row), style="bold")
    return table


def _frame_drops(before: dict[str, Json], after: dict[str, Json]) -> str:
    drops = {
        new["camera_id"]: grown(old["drops"], new["drops"])
        for old, new in zip(before["cameras"], after["cameras"], strict=True)
    }
    said = [f"{camera_id} {_reasons(reasons)}" for camera_id, reasons in drops.items() if reasons]
    return "; ".join(said) or "none"


def _tracks(cameras: Sequence[str], tally: Tally) -> str:
    seen = {
        camera_id: [
            f"{n} {what}{'s' * (n > 1)}"
            for what in ("person", "vehicle")
            if (n := tally.tracks_of(camera_id, what))
        ]
        for camera_id in cameras
    }
    return "; ".join(
        f"{camera_id} {', '.join(words) or 'none'}" for camera_id, words in seen.items()
    )


def _latency(before: dict[str, Json], after: dict[str, Json], name: str) -> str:
    old, new = (_buckets(snapshot["latency_s"][name]["buckets"]) for snapshot in (before, after))
    buckets = subtract(new, old)
    p50, p99 = quantile(buckets, 0.5), quantile(buckets, 0.99)
    if p50 is None or p99 is None:
        return "none measured"
    return f"p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms over {sum(buckets.values())}"


def _buckets(values: dict[str, int]) -> dict[int, int]:
    return {int(bucket): n for bucket, n in values.items()}


def _reasons(drops: dict[str, int]) -> str:
    return ", ".join(f"{reason} {n}" for reason, n in sorted(drops.items()))
