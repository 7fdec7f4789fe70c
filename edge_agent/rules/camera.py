"""Rules over a camera itself: tamper and camera lost. Pure; time is monotonic, as changes carry it.

The source finds a camera's faults and its loss (`camera_fault`, `camera_lost`). A rule gives
some of them a name, a schedule, a cool-down and a severity of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.rules.book import RuleBook
from edge_agent.settings import RuleKind, RuleSettings
from edge_agent.types import CameraChange, CameraState, Event, EventKind, Json, Severity

#: Whether the schedule of a rule is on now.
Active = Callable[[RuleSettings], bool]


@dataclass(slots=True)
class CameraRulesState:
    """What the rules of one camera's own state remember."""

    faults: dict[str, str] = field(default_factory=dict)  # word -> text, as they stand
    told: set[tuple[str, str]] = field(default_factory=set)  # (rule, word) that was told
    last_ns: dict[str, int] = field(default_factory=dict)  # by rule, when it fired last
    lost: CameraChange | None = None  # the loss that lasts
    told_lost: set[str] = field(default_factory=set)  # rules that told this loss


def change(
    state: CameraRulesState, what: CameraChange, book: RuleBook, active: Active
) -> tuple[CameraRulesState, list[Event]]:
    """Take a camera's change; return the state after it and what there is to tell."""
    if what.state is CameraState.LOST:
        state.lost = state.lost or what
    elif what.state is not CameraState.CONNECTING:
        state.lost = None
        state.told_lost.clear()
    if what.kind is EventKind.CAMERA_FAULT:
        word = str(what.data["word"])
        if what.data["standing"]:
            state.faults[word] = str(what.data["text"])
        else:
            state.faults.pop(word, None)
    return state, _tampers(state, what, book, active)


def pass_time(
    state: CameraRulesState, mono_ns: int, book: RuleBook, active: Active
) -> tuple[CameraRulesState, list[Event]]:
    """Return the losses that have lasted for as long as a rule says; called now and then."""
    if state.lost is None:
        return state, []
    lost, events = state.lost, []
    lost_ns = mono_ns - lost.mono_ns
    for rule in book.of_camera:
        due = rule.kind is RuleKind.CAMERA_LOST and lost_ns >= round(rule.held_s * 1e9)
        if not due or rule.id in state.told_lost or not active(rule):
            continue
        state.told_lost.add(rule.id)
        if _cool(state, rule, mono_ns):
            data = {
                **lost.data, "rule": rule.id, "lost_s": round(lost_ns / 1e9, 1),
                "state": lost.state.value, "reason": lost.reason,
            }  # fmt: skip
            events.append(_event(EventKind.CAMERA_LOST, lost, mono_ns, data, book))
    return state, events


def _tampers(
    state: CameraRulesState, what: CameraChange, book: RuleBook, active: Active
) -> list[Event]:
    events = []
    for rule in book.of_camera:
        if rule.kind is not RuleKind.TAMPER:
            continue
        for word in (fault.value for fault in rule.faults):
            stands, was_told = word in state.faults, (rule.id, word) in state.told
            if stands and not was_told and active(rule) and _cool(state, rule, what.mono_ns):
                state.told.add((rule.id, word))
            elif not stands and was_told:
                state.told.discard((rule.id, word))
            else:
                continue
            data = {
                "rule": rule.id, "zone": None, "standing": stands, "fault": word,
                "text": state.faults.get(word, what.reason), "left_out": 0,
            }  # fmt: skip
            events.append(_event(EventKind.TAMPER, what, what.mono_ns, data, book))
    return events


def _cool(state: CameraRulesState, rule: RuleSettings, mono_ns: int) -> bool:
    """Return whether a rule may fire, and if so note that it does."""
    last_ns = state.last_ns.get(rule.id)
    if last_ns is not None and mono_ns - last_ns < round(rule.cooldown_s * 1e9):
        return False
    state.last_ns[rule.id] = mono_ns
    return True


def _event(
    kind: EventKind, what: CameraChange, mono_ns: int, data: dict[str, Json], book: RuleBook
) -> Event:
    """Return an event without its wall time, which the caller's clock gives."""
    return Event(
        kind=kind,
        severity=Severity.INFO,
        wall_ns=0,
        time_trusted=False,
        camera_id=book.camera_id,
        ring=book.ring,
        layer=book.layer,
        connection=what.connection,
        mono_ns=mono_ns,
        data=data,
    )
