"""The rules over a camera's tracks: one step a frame, pure and repeatable.

    step(state, tracks, book, active) -> (state, events)

`book` is the camera's rules as arrays, `active` says for each of them whether its schedule is on
at this frame. Time is `tracks.ref.pts_ns`. The state is owned: a step changes it in place.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.crossings import find_crossings
from edge_agent.rules.findings import Finding
from edge_agent.rules.kin import follow
from edge_agent.rules.movement import Velocities, find_movements
from edge_agent.rules.rows import FAR, NEVER, Blank, Rows, blank_rows, join, new_rows, take
from edge_agent.rules.sight import boxes_norm, observe
from edge_agent.rules.standing import (
    Falls,
    Seen,
    Standing,
    close,
    find_falls,
    find_standing,
    seen_lately,
)
from edge_agent.rules.stays import find_lost, find_passages, find_stays
from edge_agent.rules.telling import Told, tell
from edge_agent.rules.waiting import is_waiting
from edge_agent.types import BoolArray, ClockSource, EndReason, Event, FrameRef, Tracks


@dataclass(slots=True)
class RulesState:
    """What the rules of one camera remember."""

    rows: Rows
    gone: Rows  # lost a moment ago: a new track nearby may be the same body
    blank: Blank
    standing: dict[int, Standing] = field(default_factory=dict)
    falls: dict[int, Falls] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    first_wall_ns: dict[int, int] = field(default_factory=dict)  # by track, also unconfirmed
    newest_id: int = 0
    ref: FrameRef | None = None  # of the last frame
    watched_ns: int = 0  # while the camera was awake and connected
    #: A rule's time runs while nothing may move: the camera must not be left alone.
    waiting: bool = False


def begin(book: RuleBook) -> RulesState:
    """Return the state before the first frame."""
    return RulesState(new_rows(book, 0), new_rows(book, 0), blank_rows(book))


def step(
    state: RulesState, tracks: Tracks, book: RuleBook, active: BoolArray
) -> tuple[RulesState, list[Event]]:
    """Return the state after a frame and what there is to tell, in the order of the rules.

    Args: `active` (R,) bool.
    """
    if not book.rules:
        return state, []
    ref = tracks.ref
    _watch(state, ref)
    boxes = boxes_norm(tracks)
    _note_first(state, tracks)
    before = state.rows
    state.rows, state.gone, over = follow(state.rows, state.gone, state.blank, tracks, boxes, book)
    vanished = state.blank.none
    if state.rows is not before:
        _name_new(state, ref, book)
        vanished = _vanished(state, over, ref.pts_ns)
    began, ended = observe(state.rows, tracks, boxes, book)
    findings = find_lost(over, book, active, "lost") if len(over) else []
    findings += find_crossings(state.rows, vanished, tracks, book, active)
    findings += find_passages(state.rows, began, ended, book, active)
    findings += find_stays(state.rows, ref.pts_ns, book, active)
    velocities = Velocities(state.rows, ref, book)
    findings += find_movements(state.rows, velocities, ref.pts_ns, book, active)
    seen = _seen(state, velocities, ref)
    findings += find_standing(state.standing, seen, book, active, state.told)
    findings += find_falls(state.falls, seen, book, active)
    state.waiting = is_waiting(state.rows, state.gone, state.standing, book, active)
    return state, tell(findings, state.told, ref, book)


def end(
    state: RulesState, book: RuleBook, reason: EndReason, *, wall_ns: int, time_trusted: bool
) -> tuple[RulesState, list[Event]]:
    """End all visits and whatever stands outside of a frame: the camera or the agent goes.

    Args: `wall_ns` is the agent's own time; pts and size of the picture are the last frame's.
    """
    if state.ref is None:
        return state, []
    every = np.ones(len(book.rules), np.bool_)
    findings: list[Finding] = []
    for rows in (state.rows, state.gone):
        findings += find_lost(rows, book, every, reason.value)
    seen = _seen(state, Velocities(state.rows, state.ref, book), state.ref)
    findings += close(state.standing, seen, book, reason.value)
    events = tell(findings, state.told, state.ref, book)
    state.rows, state.gone = new_rows(book, 0), new_rows(book, 0)
    state.falls.clear()
    state.waiting = False
    return state, [
        replace(
            event, wall_ns=wall_ns, time_trusted=time_trusted, clock_source=ClockSource.ARRIVAL,
            mono_ns=None,
        )
        for event in events
    ]  # fmt: skip


def _watch(state: RulesState, ref: FrameRef) -> None:
    """Go on with the watched time; what an outage interrupts begins anew."""
    before, state.ref = state.ref, ref
    if before is None:
        return
    slept = before.pts_ns < ref.awake_pts_ns
    lost = before.connection != ref.connection
    if not lost:
        state.watched_ns += ref.pts_ns - (ref.awake_pts_ns if slept else before.pts_ns)
    if lost:
        for one in state.standing.values():
            one.changing_ns = NEVER
    if lost or slept:
        state.falls.clear()


def _note_first(state: RulesState, tracks: Tracks) -> None:
    """Note the wall time of each new track, before it is confirmed. Ids only rise."""
    ids = tracks.track_id
    if not len(ids) or ids[-1] <= state.newest_id:
        return
    for track_id in ids[ids > state.newest_id].tolist():
        state.first_wall_ns[track_id] = tracks.ref.wall_ns
    state.newest_id = int(ids[-1])
    if len(state.first_wall_ns) > 4 * len(ids) + 256:
        known = set(ids.tolist())
        state.first_wall_ns = {k: v for k, v in state.first_wall_ns.items() if k in known}


def _name_new(state: RulesState, ref: FrameRef, book: RuleBook) -> None:
    """Give new ids their wall time; their dwell is their own, whoever they go on with."""
    rows = state.rows
    for row in (rows.first_wall_ns == NEVER).nonzero()[0].tolist():
        track_id = int(rows.track_id[row])
        rows.first_wall_ns[row] = state.first_wall_ns.get(track_id, ref.wall_ns)
        rows.told[row, book.columns.dwell] = False
        rows.held_ns[row] = FAR


def _vanished(state: RulesState, over: Rows, now: int) -> Rows:
    """Return the rows that have just vanished, whether they wait or were given up at once.

    Crossings that they had not told yet are told now, and are no more among those that wait.
    """
    just, at_once = state.gone.gone_ns == now, over.gone_ns == now
    if not (state.gone.crossed[just].any() or over.crossed[at_once].any()):
        return state.blank.none
    vanished = join(take(state.gone, just), take(over, at_once))
    state.gone.crossed[just] = 0
    return vanished


def _seen(state: RulesState, velocities: Velocities, ref: FrameRef) -> Seen:
    counted = seen_lately(state.rows, ref.pts_ns)
    counts = np.add.reduce(counted, axis=0, dtype=np.intp).tolist()
    return Seen(state.rows, velocities, counted, counts, ref.pts_ns, state.watched_ns)
