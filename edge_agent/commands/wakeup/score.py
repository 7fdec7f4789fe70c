"""What decoding on demand found of what full decoding finds, and how late."""

from dataclasses import dataclass

import numpy as np

from edge_agent.commands.wakeup.trial import Trial
from edge_agent.geometry import iou_matrix
from edge_agent.hotloop.step import count_moving
from edge_agent.types import FloatArray

_NS = 1_000_000_000
_LEAST_NS = _NS  # shorter tracks do not count
_SAME = 0.5  # IoU
_FOUND = 0.5  # of a track's frames


@dataclass(frozen=True, slots=True)
class Judged:
    """One track of full decoding, and what became of it."""

    first_s: float
    last_s: float
    share: float  # of its frames, not stationary, in which it was found
    delay_s: float | None  # from its confirmation to being found confirmed; None: never
    began_asleep: bool

    @property
    def found(self) -> bool:
        return self.share >= _FOUND


@dataclass(slots=True)
class _Life:
    times: list[int]
    boxes: list[FloatArray]
    confirmed_ns: int | None = None


def judge(full: Trial, got: Trial) -> list[Judged]:
    """Return the tracks of at least 1 s of `full`, judged by the boxes that `got` has.

    A track's frames count while it is matched and not stationary: a sleeping camera need not see
    a parked car again and again.
    """
    told = {int(i) for tracks in got.tracks for i in tracks.track_id[tracks.confirmed]}
    held = {
        tracks.ref.pts_ns: tracks.xyxy[(tracks.det_row >= 0) & np.isin(tracks.track_id, list(told))]
        for tracks in got.tracks
    }
    begun = {tracks.ref.pts_ns: tracks.xyxy[tracks.confirmed] for tracks in got.tracks}
    judged = []
    for life in _lives(full):
        if life.confirmed_ns is None or life.times[-1] - life.times[0] < _LEAST_NS:
            continue
        pairs = list(zip(life.times, life.boxes, strict=True))
        hits = sum(_same(box, held.get(ns)) for ns, box in pairs)
        late = [
            ns - life.confirmed_ns
            for ns, box in pairs
            if ns >= life.confirmed_ns and _same(box, begun.get(ns))
        ]
        judged.append(
            Judged(
                life.times[0] / _NS,
                life.times[-1] / _NS,
                hits / len(pairs),
                min(late) / _NS if late else None,
                got.asleep_at(life.times[0] / _NS),
            )
        )
    return judged


def unseen_share(full: Trial, got: Trial) -> float:
    """Return the share of frames with moving tracks in `full` that `got` never analysed."""
    analysed = {tracks.ref.pts_ns for tracks in got.tracks}
    moving = [tracks.ref.pts_ns for tracks in full.tracks if count_moving(tracks)]
    return sum(ns not in analysed for ns in moving) / len(moving) if moving else 0.0


def _lives(trial: Trial) -> list[_Life]:
    lives: dict[int, _Life] = {}
    for tracks in trial.tracks:
        live = (tracks.det_row >= 0) & ~tracks.stationary
        for row in live.nonzero()[0].tolist():
            life = lives.setdefault(int(tracks.track_id[row]), _Life([], []))
            life.times.append(tracks.ref.pts_ns)
            life.boxes.append(tracks.xyxy[row])
            if life.confirmed_ns is None and tracks.confirmed[row]:
                life.confirmed_ns = tracks.ref.pts_ns
    return list(lives.values())


def _same(box: FloatArray, others: FloatArray | None) -> bool:
    if others is None or not len(others):
        return False
    return bool(iou_matrix(box[None].astype(np.float32), others).max() >= _SAME)
