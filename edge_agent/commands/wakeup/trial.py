"""One clip through the agent's own reader, with the detector and the tracker behind it."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.commands.camera_reading import SeenAtOnce
from edge_agent.commands.wakeup.finder import Finder
from edge_agent.errors import AgentError
from edge_agent.hotloop.step import count_moving, group_of
from edge_agent.ports import Source
from edge_agent.settings import CameraSettings, DecodeMode, TrackingSettings
from edge_agent.source import open_source
from edge_agent.tracking import Tracker
from edge_agent.types import (
    CameraChange,
    DropReason,
    EventKind,
    Frame,
    Json,
    Layer,
    Ring,
    Tracks,
)
from edge_agent.wakeup import Wake, WakeReason, WakeWatch

_LIMIT_S = 300.0
_READING = ("receive", "decode", "keyframe_look")


@dataclass(slots=True)
class Awakening:
    """A wake-up: when it came, and whether a moving track followed before the next sleep."""

    at_s: float
    reason: str
    moved: bool = False


@dataclass(slots=True)
class Trial:
    """What one pass over a clip gave."""

    tracks: list[Tracks] = field(default_factory=list)  # one an analysed frame, by pts
    counts: Counter[str] = field(default_factory=Counter)
    reading_ns: int = 0  # CPU of the reader's thread without what the analysis took
    wakes: list[Awakening] = field(default_factory=list)
    sleeps_s: list[tuple[float, float]] = field(default_factory=list)
    length_s: float = 0.0  # of the stream
    report: dict[str, Json] = field(default_factory=dict)

    @property
    def asleep_s(self) -> float:
        return sum(b - a for a, b in self.sleeps_s)

    def asleep_at(self, time_s: float) -> bool:
        """Return whether the camera slept at `time_s`, before a wake-up decoded what was held."""
        return any(a <= time_s < b for a, b in self.sleeps_s)


class HeardWatch(WakeWatch):
    """A watch whose sleeping and waking is noted in a trial."""

    def __init__(self, quiet_s: float, rng: random.Random, *, audits: int = 0) -> None:
        """Begin as if so many `audits` had been held and nothing was missed."""
        super().__init__(quiet_s=quiet_s, rng=rng)
        self.audits.audits = audits
        self.trial = Trial()
        self._slept_s: float | None = None

    def packet(self, size: int, *, keyframe: bool, stream_ns: int, awake: bool) -> Wake | None:
        """Take a packet, as `WakeWatch` does."""
        at_s, trial = stream_ns / 1e9, self.trial
        trial.length_s = at_s
        if awake and self._slept_s is not None:
            trial.sleeps_s.append((self._slept_s, at_s))
            trial.wakes.append(Awakening(at_s, str(self.woken_by or WakeReason.FALLBACK)))
            self._slept_s = None
        elif not awake and self._slept_s is None:
            self._slept_s = at_s
        return super().packet(size, keyframe=keyframe, stream_ns=stream_ns, awake=awake)

    def tracks(self, moving: int, *, stream_ns: int) -> None:
        """Take an analysed frame, as `WakeWatch` does."""
        if moving and self.trial.wakes:
            self.trial.wakes[-1].moved = True
        super().tracks(moving, stream_ns=stream_ns)

    def next_trial(self) -> Trial:
        """Begin a new trial with what was learned; return the last one."""
        done, self.trial = self.trial, Trial()
        if self._slept_s is not None:
            done.sleeps_s.append((self._slept_s, done.length_s))
        self._slept_s = None
        done.report = self.report()
        return done


class Analysis(SeenAtOnce):
    """The reader's sink, listener and meter: each frame is analysed on the spot."""

    def __init__(self, finder: Finder, trial: Trial) -> None:
        self._finder = finder
        self._trial = trial
        detector = finder.detector
        self._tracker = Tracker(
            settings=TrackingSettings(),
            groups=group_of(detector.classes),
            score_threshold=detector.score_threshold,
        )
        self.source: Source | None = None
        self.ended = threading.Event()
        self.failure: str | None = None

    def offer(self, frame: Frame) -> None:
        began_ns = time.thread_time_ns()
        tracks = self._tracker.step(self._finder.find(frame))
        self._trial.tracks.append(tracks)
        if self.source is not None:
            self.source.frame_analysed(frame.ref, count_moving(tracks))
        self._trial.reading_ns -= time.thread_time_ns() - began_ns

    def camera_changed(self, change: CameraChange) -> None:
        if change.kind is EventKind.CAMERA_LOST:
            self.failure = change.reason
        if change.kind in {EventKind.CAMERA_ENDED, EventKind.CAMERA_LOST}:
            self.ended.set()

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        self._trial.counts[name] += amount

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        self._trial.counts[f"dropped_{reason}"] += amount

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        """The reader measures no durations."""

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        if camera_id is not None and stage in _READING:
            self._trial.reading_ns += cpu_ns


def run_always(clip: Path, finder: Finder, fps: float) -> Trial:
    """Return what full decoding gives. Raises: AgentError."""
    trial = Trial()
    _run(clip, finder, trial, fps, DecodeMode.ALWAYS, None)
    return trial


def run_on_demand(clip: Path, finder: Finder, fps: float, watch: HeardWatch) -> Trial:
    """Return what decoding on demand gives, as `watch` says. Raises: AgentError."""
    _run(clip, finder, watch.trial, fps, DecodeMode.ON_DEMAND, watch)
    return watch.next_trial()


def _run(
    clip: Path,
    finder: Finder,
    trial: Trial,
    fps: float,
    mode: DecodeMode,
    watch: WakeWatch | None,
) -> None:
    camera = CameraSettings(
        id="cell",
        url=str(clip),
        ring=Ring.RURAL,
        layer=Layer.PORTRAIT,
        target_fps=fps,
        decode=mode,
        realtime=False,
    )
    analysis = Analysis(finder, trial)
    analysis.source = open_source(
        camera,
        sink=analysis,
        listener=analysis,
        meter=analysis,
        clock=SystemClock(),
        rng=random.Random(1),
        watch=watch,
    )
    analysis.source.start()
    ended = analysis.ended.wait(_LIMIT_S)
    analysis.source.request_stop()
    analysis.source.join(10.0)
    if analysis.failure is not None or not ended:
        raise AgentError(f"bench-wakeup: {clip.name}: {analysis.failure or 'did not end'}")
