"""Rules of what lasts in a zone: each begins once, is over once, and is silent elsewhere."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from edge_agent.types import EndReason
from tests.mot_support import ScriptedTrack
from tests.rules_support import GROUND, Site, at, book_of


def people(number: int, *, first: int = 1, begin: float = 0.55, step: float = 0.03) -> list[Any]:
    """Return persons in a row in the yard, `step` of the picture apart."""
    return [at(first + k, begin + step * k) for k in range(number)]


def shows(*acts: tuple[float, Sequence[ScriptedTrack]]) -> Callable[[Site], None]:
    """Show the same tracks for so many seconds, act by act."""

    def script(site: Site) -> None:
        for seconds, rows in acts:
            site.stay(seconds, *rows)

    return script


def blinks(site: Site) -> None:
    """Three persons, of whom one is missed in every second look and coasts."""
    for k in range(40):
        site.look(*people(2), at(3, 0.62, matched=k % 2 == 0, last_pts_s=site.now_s - 0.2))


def changes_ids(site: Site) -> None:
    """Two persons; one goes on as another track while the first still coasts."""
    site.stay(3, *people(2))
    for _ in range(10):
        site.look(at(1, 0.55), at(2, 0.58, matched=False, last_pts_s=2.8), at(3, 0.585))
    site.stay(3, at(1, 0.55), at(3, 0.585))


PRESENCE = {"kind": "presence", "zone": "yard"}
ABSENCE = {"kind": "absence", "zone": "yard", "for_s": 5}
OVER = {"kind": "count_over", "zone": "yard", "over": 2}
UNDER = {"kind": "count_under", "zone": "yard", "under": 2, "for_s": 3}
CROWD = {"kind": "crowd", "zone": "yard", "over": 5}
QUEUE = {"kind": "queue", "zone": "yard", "over": 3, "for_s": 2, "clear_s": 2}
BEGINS, ENDS = True, False

#: (rule, what happens, (seconds, standing, count) of the events)
TABLE: dict[str, tuple[dict[str, Any], Callable[[Site], None], list[Any]]] = {
    "presence": (
        PRESENCE, shows((2, []), (3, people(1)), (9, [])), [(2.2, BEGINS, 1), (10.0, ENDS, 0)],
    ),
    "two after each other are one presence": (
        PRESENCE, shows((3, people(1)), (3, []), (3, people(1, first=2)), (9, [])),
        [(0.2, BEGINS, 1), (14.0, ENDS, 0)],
    ),
    "nobody": (PRESENCE, shows((9, [])), []),
    "presence that is too short": ({**PRESENCE, "for_s": 2}, shows((1.4, people(1)), (5, [])), []),
    "absence": (
        ABSENCE, shows((2, people(1)), (8, []), (3, people(1, first=2))),
        [(7.0, BEGINS, 0), (11.2, ENDS, 1)],
    ),
    "absence that is too short": (ABSENCE, shows((2, people(1)), (4, []), (3, people(1))), []),
    "who hides for a moment is not absent": (
        ABSENCE,
        lambda site: site.stay(9, at(1, 0.6, matched=False, last_pts_s=0.0)) and None,
        [(5.0, BEGINS, 0)],  # never seen inside at all
    ),
    "more than two": (
        OVER, shows((3, people(2)), (3, people(3)), (6, people(2))),
        [(4.2, BEGINS, 3), (9.0, ENDS, 2)],
    ),
    "two are not more than two": (OVER, shows((9, people(2))), []),
    "three, of whom one blinks": (OVER, blinks, [(1.4, BEGINS, 3)]),
    "two, of whom one changes its id": (OVER, changes_ids, []),
    "fewer than two": (
        UNDER, shows((3, people(2)), (6, people(1)), (6, people(2))),
        [(6.0, BEGINS, 1), (12.2, ENDS, 2)],
    ),
    "two are not fewer than two": (UNDER, shows((9, people(2))), []),
    "a crowd shrinks a little and goes on": (
        CROWD, shows((6, people(7)), (8, people(5)), (8, people(4))),
        [(3.2, BEGINS, 7), (19.0, ENDS, 4)],
    ),
    "not yet a crowd": (CROWD, shows((9, people(5))), []),
    "a queue": (
        QUEUE, shows((5, people(5)), (5, people(2))), [(2.2, BEGINS, 5), (7.0, ENDS, 2)],
    ),
    "as many, far apart": (QUEUE, shows((9, people(4, step=0.12))), []),
    "a queue that does not reach its head": (
        {**QUEUE, "head": [0.9, 0.5]}, shows((9, people(5))), [],
    ),
    "a queue at its head": (
        {**QUEUE, "head": [0.54, 0.5]}, shows((5, people(5))), [(2.2, BEGINS, 5)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_lasts_begins_once_and_is_over_once(name: str) -> None:
    rule, script, expected = TABLE[name]
    site = Site(book_of(rule))
    script(site)
    found = [((e.pts_ns or 0) / 1e9, e.data["standing"], e.data["count"]) for e in site.events]
    assert found == expected


def test_who_passes_by_does_not_queue() -> None:
    site = Site(book_of(QUEUE))
    for k in range(25):
        site.look(*[at(n, 0.53 + 0.01 * n + 0.012 * k) for n in range(1, 6)])
    assert site.told() == []


def test_a_crowd_is_told_with_its_density_and_a_queue_with_its_length() -> None:
    site = Site(
        book_of(
            {**CROWD, "over": None, "density_over": 0.1}, {**QUEUE, "over": 2}, ground=GROUND,
        )
    )  # fmt: skip
    site.stay(6, *people(9))
    crowd, queue = (event.data for event in sorted(site.events, key=lambda e: e.data["rule"]))
    assert crowd["density"] == pytest.approx(9 / (0.44 * 20 * 0.9 * 10), abs=0.001)
    assert (queue["count"], queue["length_m"]) == (9, pytest.approx(8 * 0.6))


def test_an_end_tells_how_long_it_lasted_and_why() -> None:
    site = Site(book_of(PRESENCE))
    site.active = lambda s: s < 4
    site.stay(6, *people(1))
    begins, ends = site.events
    assert (begins.data["reason"], begins.data["lasted_s"]) == (None, None)
    assert (ends.data["reason"], ends.data["lasted_s"]) == ("schedule", 3.8)
    assert [report.track_id for report in begins.tracks] == [1]
    assert ends.tracks == ()


def test_a_presence_is_found_where_its_schedule_begins() -> None:
    site = Site(book_of(PRESENCE))
    site.active = lambda s: s >= 4
    site.stay(6, *people(1))
    assert site.told() == [(4.0, "presence", (1,))]


def test_a_cool_down_puts_off_what_lasts() -> None:
    site = Site(book_of({**PRESENCE, "cooldown_s": 20, "clear_s": 1}))
    for number in (1, 2):
        site.stay(4, *people(1, first=number))
        site.stay(4)
    site.stay(8, *people(1, first=3))
    assert [t for t, _, ids in site.told() if ids] == [0.2, 20.2]


def test_a_stop_ends_what_stands() -> None:
    site = Site(book_of(PRESENCE))
    site.stay(2, *people(1))
    (event,) = site.end(EndReason.AGENT_STOPPED)
    assert (event.data["standing"], event.data["reason"]) == (False, "agent_stopped")
    assert site.end(EndReason.AGENT_STOPPED) == []


FALL = {"kind": "fall_in_count", "zone": "yard", "fall_by": 4, "within_s": 3}
FALLS: dict[str, tuple[Callable[[Site], None], list[float]]] = {
    "all run away": (shows((4, people(6)), (4, people(1))), [4.6]),
    "three of six": (shows((4, people(6)), (4, people(3))), []),
    "one after the other": (
        shows(*((2, people(number)) for number in (6, 5, 4, 3, 2, 1))), [],
    ),
    "a single look without anybody": (
        shows((4, people(6)), (0.2, []), (4, people(6, first=11))), [],
    ),
    "a single look with too many": (shows((4, people(1)), (0.2, people(6)), (4, people(1))), []),
}  # fmt: skip


@pytest.mark.parametrize("name", FALLS)
def test_a_fall_in_count_is_told_once(name: str) -> None:
    script, expected = FALLS[name]
    site = Site(book_of(FALL))
    script(site)
    assert [t for t, _, _ in site.told()] == expected
    if expected:
        data = site.events[0].data
        assert (data["from_count"], data["to_count"]) == (6, 1)
