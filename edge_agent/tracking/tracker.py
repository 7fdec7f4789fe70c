"""From detections to tracks: ByteTrack's association on arrays, for one camera.

Each step, in this order:

1. all tracks move on to the frame's pts (motion.py);
2. confirmed tracks × strong detections (at least the model's threshold);
3. the confirmed tracks left over × weak detections: a half-hidden object scores low but
   stands where it should;
4. unconfirmed tracks × the strong detections left over;
5. tracks unmatched for too long go, and the strong detections still left begin tracks.

Nothing here knows a clock: equal detections give equal tracks.

Source: Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection Box,
ECCV 2022. Figures, and what differs from the paper: docs/design/tracking.md.
"""

import numpy as np

from edge_agent.settings import TrackingSettings
from edge_agent.tracking.association import assign, overlap
from edge_agent.tracking.rest import LOOK_EVERY_NS
from edge_agent.tracking.rows import Rows, add_rows, begin_rows, keep_rows, scale_rows
from edge_agent.types import BoolArray, Detections, FloatArray, FrameRef, IdArray, IntArray, Tracks

#: How far boxes grow at most before their overlap is taken, and those of unconfirmed tracks
#: always: enough for an object to be found again 1.1 of its length away, and not for a parked
#: car's neighbour to be taken for it.
MARGIN = 0.25
#: A confirmed track's boxes grow by so much of the doubt about its place, beyond so much of it:
#: in a crowd one that is seen in each frame may not reach for its neighbour.
DOUBT_GROWS, DOUBT_FREE = 0.8, 0.1
#: The overlap of grown boxes that a pair must exceed: of unconfirmed tracks, of confirmed ones
#: with strong and with weak detections, …
LEAST_FIRST, LEAST_STRONG, LEAST_WEAK = 0.15, 0.25, 0.5
#: … and for a track that was unmatched for more than `coast_s`: a hidden parked car, or any
#: after an outage.
LEAST_HELD = 0.5
#: How many times `coast_s` an unconfirmed track, and a stationary one of a live camera, may
#: be unmatched.
UNCONFIRMED_PATIENCE, STATIONARY_PATIENCE = 0.125, 10
#: What is left of a vote at the next detection, and how clearly another class must win.
VOTE_FADE, VOTE_LEAD = 0.95, 1.2


class Tracker:
    """The tracks of one camera. Ids rise from 1 and none is given twice."""

    def __init__(
        self, *, settings: TrackingSettings, groups: IntArray, score_threshold: float | FloatArray
    ) -> None:
        """Begin without tracks.

        Args: `groups` (C,) the group of each class_id, such as person and vehicle: only
        equals are associated; `score_threshold`, one or (C,), from where a detection is strong.
        """
        self._groups = np.asarray(groups, np.int32)
        self._strong_from = np.full(self._groups.shape, score_threshold, np.float32)
        self._confirm_hits = settings.confirm_hits
        self._rest_after_ns = round(settings.stationary_after_s * 1e9)
        self._coast_ns = round(settings.coast_s * 1e9)
        self._hold_ns = round(settings.stationary_hold_s * 1e9)
        self._unconfirmed_ns = round(self._coast_ns * UNCONFIRMED_PATIENCE)
        self._stationary_ns = max(
            self._coast_ns, min(self._coast_ns * STATIONARY_PATIENCE, self._hold_ns)
        )
        self._rows = _no_rows(self._groups)
        self._last_id = 0
        self._ref: FrameRef | None = None
        self._outage = False
        self._look_ns = 0
        self._resting = False  # at the last look something was stationary

    def step(self, detections: Detections) -> Tracks:
        """Take one frame's detections, also none, and return all tracks after it.

        Frames come by rising pts; the time between them may vary. Weak detections, below the
        threshold, only carry confirmed tracks on: hand them over too.
        """
        removed_id = self._advance(detections.ref)
        det_row = self._associate(detections)
        matched = det_row >= 0
        taken = det_row[matched]
        if len(taken):
            self._correct(detections, matched, taken)
        if len(taken) < len(det_row):
            kept = matched | (self._rows.missed_ns <= self._patience())
            det_row = det_row[kept]
            removed_id = np.concatenate([removed_id, self._drop(~kept)])
        if len(taken) < len(detections.score):
            det_row = self._begin(detections, det_row)
        return self._tracks(detections.ref, det_row, removed_id)

    def lose_moving(self) -> IdArray:
        """The camera is lost: drop all tracks but the stationary ones; return the dropped ids.

        The time until the next step does not count against the stationary ones, unless it
        exceeds `stationary_hold_s`: a car that stays parked keeps its id.
        """
        self._outage = True
        return self._drop(~self._rows.rest.stationary)

    def clear(self) -> IdArray:
        """Drop all tracks and return their ids."""
        return self._drop(np.ones(len(self._rows), np.bool_))

    def _drop(self, dropped: BoolArray) -> IdArray:
        ids = self._rows.track_id[dropped]
        if len(ids):
            keep_rows(self._rows, ~dropped)
        return ids

    def _advance(self, ref: FrameRef) -> IdArray:
        """Move all tracks on to the frame; drop and return those that an outage outlasted."""
        before, self._ref = self._ref, ref
        if before is not None and before.pts_ns < ref.awake_pts_ns:
            return self._sleep_over(before, ref)
        rows = self._rows
        if before is None or not len(rows):
            self._outage = False
            return _NO_IDS
        if ref.wh != before.wh:
            scale_rows(rows, (ref.wh[0] / before.wh[0], ref.wh[1] / before.wh[1]))
        if self._outage:
            self._outage = False
            return self._drop(ref.pts_ns - rows.last_pts_ns > self._hold_ns)
        elapsed_ns = ref.pts_ns - before.pts_ns
        rows.motion.predict(elapsed_ns / 1e9, rows.missed_ns == 0)
        rows.missed_ns += elapsed_ns
        return _NO_IDS

    def _sleep_over(self, before: FrameRef, ref: FrameRef) -> IdArray:
        """The camera slept since the last frame: what stood still goes on as if no time passed.

        It was watched all the while and nothing in its picture changed. What moved was gone
        before it slept; whatever is still here of it is dropped and returned.
        """
        self._outage = False
        gone = self._drop(~self._rows.rest.stationary)
        if len(self._rows) and ref.wh != before.wh:
            scale_rows(self._rows, (ref.wh[0] / before.wh[0], ref.wh[1] / before.wh[1]))
        return gone

    def _associate(self, detections: Detections) -> IntArray:
        """Return (M,) the row of each track's detection, -1 = none; set predicted boxes."""
        rows = self._rows
        det_row = np.full(len(rows), -1, np.int32)
        if not len(rows):
            return det_row
        rows.xyxy = rows.motion.boxes()
        if not len(detections.score):
            return det_row
        similarity = overlap(rows.xyxy, detections.xyxy, self._margin())
        similarity *= rows.group[:, None] == self._groups[detections.class_id]
        if self._resting:
            held = detections.ref.pts_ns - rows.last_pts_ns > self._coast_ns
            similarity[held[:, None] & (similarity < LEAST_HELD)] = 0
        strong = detections.score >= self._strong_from[detections.class_id]
        confirmed = rows.confirmed
        _match(similarity, det_row, confirmed, strong, LEAST_STRONG)
        if np.count_nonzero(strong) < len(strong):
            _match(similarity, det_row, confirmed & (det_row < 0), ~strong, LEAST_WEAK)
        if np.count_nonzero(confirmed) < len(confirmed):
            strong[det_row[det_row >= 0]] = False
            _match(similarity, det_row, ~confirmed, strong, LEAST_FIRST)
        return det_row

    def _margin(self) -> FloatArray:
        """Return (M,) by how much of their size each track's boxes grow."""
        margin = self._rows.motion.doubt()
        margin -= DOUBT_FREE
        margin *= DOUBT_GROWS
        np.minimum(np.maximum(margin, 0, out=margin), MARGIN, out=margin)  # clip() costs thrice
        margin[~self._rows.confirmed] = MARGIN
        return margin

    def _correct(self, detections: Detections, matched: BoolArray, taken: IntArray) -> None:
        """Let the `matched` (M,) tracks take the detections `taken` (K,)."""
        rows, pts_ns = self._rows, detections.ref.pts_ns
        score = detections.score[taken]
        rows.xyxy[matched] = detections.xyxy[taken]
        rows.score, rows.last_pts_ns = rows.score.copy(), rows.last_pts_ns.copy()
        rows.score[matched] = score
        rows.last_pts_ns[matched] = pts_ns
        rows.missed_ns[matched] = 0
        rows.hits += matched
        rows.confirmed = rows.hits >= self._confirm_hits
        _vote(rows, matched.nonzero()[0], detections.class_id[taken], score)
        rows.motion.correct(rows.xyxy, matched)
        if pts_ns >= self._look_ns:
            self._look_ns = pts_ns + LOOK_EVERY_NS
            rows.rest.observe(rows.xyxy, matched, rows.confirmed, pts_ns, self._rest_after_ns)
            self._resting = bool(rows.rest.stationary.any())
        if self._resting:
            rows.motion.halt(rows.rest.stationary)

    def _patience(self) -> IdArray:
        """Return (M,) how long each track may be unmatched, ns."""
        rows = self._rows
        patience = np.where(rows.confirmed, self._coast_ns, self._unconfirmed_ns)
        patience[rows.rest.stationary] = self._stationary_ns
        return patience

    def _begin(self, detections: Detections, det_row: IntArray) -> IntArray:
        """Begin tracks at the strong detections that no track took; return the longer det_row."""
        free = detections.score >= self._strong_from[detections.class_id]
        free[det_row[det_row >= 0]] = False
        if not free.any():
            return det_row
        new = free.nonzero()[0]
        ids = np.arange(self._last_id + 1, self._last_id + 1 + len(new), dtype=np.int64)
        self._last_id += len(new)
        begun = begin_rows(
            ids,
            detections.xyxy[new],
            detections.score[new],
            detections.class_id[new],
            self._groups,
            detections.ref.pts_ns,
            confirmed=self._confirm_hits <= 1,
        )
        add_rows(self._rows, begun)
        return np.concatenate([det_row, new.astype(np.int32)])

    def _tracks(self, ref: FrameRef, det_row: IntArray, removed_id: IdArray) -> Tracks:
        rows = self._rows
        return Tracks(
            ref=ref,
            track_id=rows.track_id,
            xyxy=rows.xyxy,
            class_id=rows.class_id,
            score=rows.score,
            det_row=det_row,
            confirmed=rows.confirmed,
            stationary=rows.rest.stationary,
            first_pts_ns=rows.first_pts_ns,
            last_pts_ns=rows.last_pts_ns,
            removed_id=removed_id,
        )


_NO_IDS: IdArray = np.empty(0, np.int64)


def _no_rows(groups: IntArray) -> Rows:
    boxes: FloatArray = np.empty((0, 4), np.float32)
    score: FloatArray = np.empty(0, np.float32)
    return begin_rows(_NO_IDS, boxes, score, np.empty(0, np.int32), groups, 0)


def _match(
    similarity: FloatArray, det_row: IntArray, tracks: BoolArray, free: BoolArray, least: float
) -> None:
    """Give the `tracks` (M,) detections among the `free` (N,): set their `det_row` (M,)."""
    track, detection = tracks.nonzero()[0], free.nonzero()[0]
    if len(track) and len(detection):
        part = similarity[track[:, None], detection]
        pair_track, pair_detection = assign(part, least)
        det_row[track[pair_track]] = detection[pair_detection]


def _vote(rows: Rows, hit: IdArray, class_id: IntArray, score: FloatArray) -> None:
    """Let detections `class_id`, `score` (K,) vote on the classes of rows `hit` (K,), by score."""
    rows.votes *= VOTE_FADE
    rows.votes[hit, class_id] += score
    current = rows.class_id[hit]
    if (class_id == current).all():
        return
    votes = rows.votes[hit]
    won = votes.max(axis=1) > VOTE_LEAD * rows.votes[hit, current]
    if won.any():
        rows.class_id = rows.class_id.copy()
        rows.class_id[hit[won]] = votes[won].argmax(axis=1)
