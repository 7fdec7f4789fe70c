"""Events, a meter that can be asked and ready-made deliveries for the outbox's tests."""

import json
import threading
from collections import Counter
from pathlib import Path

from edge_agent.clock import Clock, ManualClock, SystemClock
from edge_agent.deliver import Delivery, Identity
from edge_agent.deliver.event_queue import Batch
from edge_agent.deliver.outbox import Outbox, Settled
from edge_agent.deliver.store import Reader
from edge_agent.settings import BrokerSettings, OutboxSettings
from edge_agent.types import (
    DropReason,
    EndReason,
    Event,
    EventKind,
    Layer,
    ObjectClass,
    Ring,
    Severity,
    TrackReport,
)

WALL_NS = 1_795_478_400_123_456_789
IDENTITY = Identity("town-gate", "riverside", "boot-1")


class CountingMeter:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.drops: Counter[DropReason] = Counter()
        self.seconds: dict[str, list[float]] = {}

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        with self._lock:
            self.counts[name] += amount

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        with self._lock:
            self.drops[reason] += amount

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        with self._lock:
            self.seconds.setdefault(name, []).append(seconds)

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        pass


def report(track_id: int = 1, score: float = 0.87654, *, ended: bool = False) -> TrackReport:
    return TrackReport(
        track_id,
        ObjectClass("vehicle", "car"),
        score,
        (10.04, 20.06, 110.0, 220.0),
        stationary=False,
        zones=("door",),
        first_wall_ns=WALL_NS,
        duration_s=12.3456 if ended else None,
        best_score=0.9 if ended else None,
        path_norm=((0.1, 0.2), (0.123456789, 1.0)) if ended else None,
        end_reason=EndReason.LEFT if ended else None,
    )


def event(
    kind: EventKind = EventKind.START,
    *track_ids: int,
    camera: str = "gate",
    mono_ns: int | None = None,
    wall_ns: int = WALL_NS,
    score: float = 0.87654,
) -> Event:
    """Return an event of a track kind, with one track where none is named."""
    return Event(
        kind,
        Severity.INFO,
        wall_ns,
        True,
        camera_id=camera,
        ring=Ring.SUBURBAN,
        layer=Layer.CHECKPOINT,
        connection=1,
        pts_ns=5_000_000,
        mono_ns=mono_ns,
        frame_wh=(640, 480),
        model_id="yolox-nano",
        tracks=tuple(
            report(track_id, score, ended=kind is EventKind.END) for track_id in track_ids or (1,)
        ),
    )


def delivery(
    state_dir: Path,
    url: str,
    *,
    clock: Clock | None = None,
    meter: CountingMeter | None = None,
    identity: Identity = IDENTITY,
    outbox: OutboxSettings | None = None,
    **broker: object,
) -> Delivery:
    return Delivery(
        broker=BrokerSettings.model_validate({"url": url, **broker}),
        outbox=outbox or OutboxSettings(),
        identity=identity,
        state_dir=state_dir,
        clock=clock or SystemClock(),
        meter=meter or CountingMeter(),
    )


def open_outbox(folder: Path, clock: ManualClock | None = None, **settings: float) -> Outbox:
    outbox = Outbox(
        state_dir=folder,
        settings=OutboxSettings.model_validate(settings),
        identity=IDENTITY,
        root="edge/v1",
        clock=clock or ManualClock(),
    )
    outbox.open()
    return outbox


def rows(outbox: Outbox) -> list[tuple[int, dict]]:
    """Return (seq, payload) of all rows that wait."""
    reader = Reader(outbox.path)
    told = [(seq, json.loads(payload)) for seq, _, payload in reader.waiting(0, 1_000_000)]
    reader.close()
    return told


def put(outbox: Outbox, n: int) -> None:
    outbox.commit(Batch([event() for _ in range(n)]), [])


def acked(outbox: Outbox, *seqs: int) -> list[Settled]:
    return [Settled(outbox.stream_id, seq, acked=True) for seq in seqs]
