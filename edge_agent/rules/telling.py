"""From findings to events: cool-down, reports of tracks, and what every rule's event says.

Every event has the severity `info`: what it is worth is the policy's to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.rules.book import RuleBook
from edge_agent.rules.findings import Finding
from edge_agent.rules.rows import Rows
from edge_agent.settings import RuleKind, RuleSettings
from edge_agent.types import Event, EventKind, FrameRef, Json, Severity, TrackReport


@dataclass(slots=True)
class Told:
    """When each rule fired last, and what its cool-down has kept back since."""

    last_ns: dict[int, int] = field(default_factory=dict)  # by rule; pts
    left_out: dict[int, int] = field(default_factory=dict)

    def ready(self, rule: int, asked: RuleSettings, now: int) -> bool:
        """Return whether a rule may fire at `now`, as far as its cool-down goes."""
        if not asked.cooldown_s or rule not in self.last_ns:
            return True
        return now - self.last_ns[rule] >= round(asked.cooldown_s * 1e9)


def tell(
    findings: Iterable[Finding], told: Told, ref: FrameRef, book: RuleBook
) -> list[Event]:  # fmt: skip
    """Return the events of a frame's findings, in the order of the rules, then of the tracks."""
    events = []
    for finding in sorted(findings, key=lambda one: one.order):
        rule, asked = finding.rule, book.rules[finding.rule]
        if finding.standing is not False:  # an end goes with its beginning
            if not told.ready(rule, asked, ref.pts_ns):
                told.left_out[rule] = told.left_out.get(rule, 0) + 1
                continue
            told.last_ns[rule] = ref.pts_ns
        events.append(_event(finding, told.left_out.pop(rule, 0), ref, book))
    return events


def _event(finding: Finding, left_out: int, ref: FrameRef, book: RuleBook) -> Event:
    asked = book.rules[finding.rule]
    data: dict[str, Json] = {"rule": asked.id}
    if asked.kind is not RuleKind.CROSSING:
        data["zone"] = asked.zone
    if finding.standing is not None:
        data["standing"] = finding.standing
    return Event(
        kind=EventKind(asked.kind.value),
        severity=Severity.INFO,
        wall_ns=ref.wall_ns,
        time_trusted=ref.time_trusted,
        clock_source=ref.clock_source,
        camera_id=book.camera_id,
        ring=book.ring,
        layer=book.layer,
        connection=ref.connection,
        pts_ns=ref.pts_ns,
        mono_ns=ref.mono_ns,
        frame_wh=ref.wh,
        model_id=book.model_id,
        tracks=tuple(_report(finding.rows, row, ref, book) for row in finding.picks),
        data={**data, **finding.data, "left_out": left_out},
    )


def _report(rows: Rows, row: int, ref: FrameRef, book: RuleBook) -> TrackReport:
    """Report a track as it was last seen."""
    width, height = ref.wh
    left, top, right, bottom = rows.box[row].tolist()
    inside = rows.inside[row, : len(book.zone_ids)].tolist()
    return TrackReport(
        track_id=int(rows.track_id[row]),
        object_class=book.classes[rows.class_id[row]],
        score=float(rows.score[row]),
        xyxy_px=(left * width, top * height, right * width, bottom * height),
        stationary=bool(rows.still[row]),
        zones=tuple(name for name, is_in in zip(book.zone_ids, inside, strict=True) if is_in),
        first_wall_ns=int(rows.first_wall_ns[row]),
    )
