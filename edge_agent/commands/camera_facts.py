"""What a site's cameras send: asked, read from a file, or assumed and said so."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.clock import SystemClock
from edge_agent.commands.camera_reading import CameraWatch
from edge_agent.policy.budget import StreamFacts
from edge_agent.ports import Source
from edge_agent.settings import CameraSettings, DecodeMode
from edge_agent.source import open_source
from edge_agent.source.address import is_network
from edge_agent.types import Json

#: What a camera is taken for that nobody asked: its first stream, and a second one.
_ASSUMED = StreamFacts((1920, 1080), 25.0, 2.0, "assumed")
_ASSUMED_SECOND = StreamFacts((704, 576), 15.0, 2.0, "assumed")
#: From so many frames on, what they took counts as what a frame of this camera takes.
_FRAMES_TO_TELL = 25
#: Asked at the same time: each is decoded while it is watched.
_AT_ONCE = 8
_WATCH_S = 5.0
_FILE_WATCH_S = 1.5


def find_streams(cameras: Sequence[CameraSettings], *, ask: bool) -> list[StreamFacts]:
    """Return what each camera sends. Files are always read; cameras only where `ask` says so.

    A camera that does not answer is taken for what it would be taken for unasked.
    """
    wanted = [i for i, camera in enumerate(cameras) if ask or not is_network(camera.read_url)]
    facts = [_assumed(camera, "assumed") for camera in cameras]
    for start in range(0, len(wanted), _AT_ONCE):
        batch = wanted[start : start + _AT_ONCE]
        asked = [_Asked(cameras[i]) for i in batch]
        for one in asked:
            one.source.start()
        for i, one in zip(batch, asked, strict=True):
            facts[i] = one.answer()
    return facts


class _CostWatch(CameraWatch):
    """Also takes down what the camera's frames cost: CPU of its reader, by stage."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0
        self._spent_ns: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        if name == "frames_decoded":
            self._frames += amount

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        if camera_id is not None:
            self._spent_ns[stage] += cpu_ns

    def frame_ms(self, stage: str) -> float | None:
        """Return what a frame took, None before there were enough."""
        if self._frames < _FRAMES_TO_TELL:
            return None
        return self._spent_ns[stage] / 1e6 / self._frames


class _Asked:
    """One camera that is being watched."""

    def __init__(self, camera: CameraSettings) -> None:
        self._camera = camera
        self._watch = _CostWatch()
        changes = {"decode": DecodeMode.ALWAYS, "target_fps": 1.0, "loop": False, "realtime": True}
        self.source: Source = open_source(
            camera.model_copy(update=changes),
            sink=self._watch,
            listener=self._watch,
            meter=self._watch,
            clock=SystemClock(),
            rng=random.Random(),
        )

    def answer(self) -> StreamFacts:
        """Wait for what the camera sends, and end its reader."""
        network = is_network(self._camera.read_url)
        patience_s = self._camera.connect_timeout_s + self._camera.stall_timeout_s
        watch = self._watch

        def settled() -> bool:
            failed = self.source.effective_state()["last_failure"] is not None
            return watch.frame is not None or watch.over is not None or failed

        try:
            watch.wait(settled, patience_s)
            if watch.frame is not None:
                seconds = _WATCH_S if network else _FILE_WATCH_S
                watch.wait(lambda: watch.over is not None, seconds)
            state = self.source.effective_state()
        finally:
            self.source.request_stop()
            self.source.join(2.0)
        if watch.frame is None:
            return _assumed(self._camera, "no answer, assumed")
        facts = facts_of(state, watch.frame.ref.wh, "probed" if network else "file")
        return replace(
            facts, receive_ms=watch.frame_ms("receive"), decode_ms=watch.frame_ms("decode")
        )


def facts_of(state: dict[str, Json], wh: tuple[int, int], known: str) -> StreamFacts:
    """Return the facts that a source's effective state tells, for what is missing the usual."""
    fps = state.get("measured_fps") or state.get("declared_fps") or _ASSUMED.fps
    keyframe_s = state.get("keyframe_interval_s") or _ASSUMED.keyframe_s
    return StreamFacts(wh, float(fps), float(keyframe_s), known, str(state.get("codec") or "h264"))


def _assumed(camera: CameraSettings, known: str) -> StreamFacts:
    usual = _ASSUMED if camera.detect_url is None else _ASSUMED_SECOND
    return StreamFacts(usual.wh, usual.fps, usual.keyframe_s, known)
