"""Rules of lines and of movement: where each fires, and where it stays silent.

The line `gate` goes up the middle of the picture: A is to its left, B to its right. Where there
is a ground, the picture shows 20 m by 10 m of it from above.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge_agent.geometry import Homography, Polyline
from tests.rules_support import GROUND, Site, at, book_of, car

GATE: dict[str, Any] = {"kind": "crossing", "line": "gate"}


def crosses(site: Site) -> None:
    site.walk(4, 1, 0.3, 0.7)
    site.walk(4, 1, 0.7, 0.3)


def jitters_on_the_line(site: Site) -> None:
    for k in range(50):
        site.look(at(1, 0.5 + 0.004 * (-1) ** k))


def turns_back_on_the_line(site: Site) -> None:
    """Go a step over the line and come back with the next look."""
    site.looks([[at(1, x)] for x in (0.4, 0.45, 0.52, 0.47, 0.44, 0.4)])


def is_lost_before_the_line(site: Site) -> None:
    site.walk(1, 1, 0.3, 0.45)
    site.stay(1)
    site.stay(1, at(2, 0.53, first_pts_s=1.9))


def is_lost_behind_the_line(site: Site) -> None:
    site.looks([[at(1, x)] for x in (0.4, 0.45, 0.53)])
    site.stay(1)


def is_lost_behind_the_line_and_found(site: Site) -> None:
    is_lost_behind_the_line(site)
    site.stay(2, at(2, 0.54, first_pts_s=1.4))


def passes_the_end_of_the_line(site: Site) -> None:
    site.walk(4, 1, 0.3, 0.7, y=0.99)


def drives_fast(site: Site) -> None:
    """40 % of the picture with each look."""
    site.looks([[car(1, x)] for x in (0.1, 0.5001, 0.9)])
    site.stay(1)


def coasts_over_the_line(site: Site) -> None:
    site.looks([[at(1, x)] for x in (0.35, 0.4, 0.45)])
    for k in range(10):
        site.look(at(1, 0.5 + 0.02 * k, matched=False, last_pts_s=0.4))


LINES: dict[str, tuple[dict[str, Any], Callable[[Site], None], list[Any]]] = {
    "there and back": (GATE, crosses, [(2.2, "a_to_b"), (6.2, "b_to_a")]),
    "at once where nothing has to settle": (
        {**GATE, "settle_s": 0}, crosses, [(2.0, "a_to_b"), (6.0, "b_to_a")],
    ),
    "from A to B alone": ({**GATE, "way": "a_to_b"}, crosses, [(2.2, "a_to_b")]),
    "from B to A alone": ({**GATE, "way": "b_to_a"}, crosses, [(6.2, "b_to_a")]),
    "jitter": (GATE, jitters_on_the_line, []),
    "who turns back at once": (GATE, turns_back_on_the_line, []),
    "who is lost before it and found behind it": (
        GATE, is_lost_before_the_line, [(2.2, "a_to_b")],
    ),
    "who is lost just behind it": (GATE, is_lost_behind_the_line, [(0.6, "a_to_b")]),
    "who is lost just behind it and found": (
        GATE, is_lost_behind_the_line_and_found, [(0.6, "a_to_b")],
    ),
    "who passes its end": (GATE, passes_the_end_of_the_line, []),
    "a fast car": (GATE, drives_fast, [(0.6, "a_to_b")]),
    "a prediction": (GATE, coasts_over_the_line, []),
    "another class": ({**GATE, "classes": ["vehicle"]}, crosses, []),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_a_line_is_crossed_where_it_is_and_nowhere_else(name: str) -> None:
    rule, script, expected = LINES[name]
    site = Site(book_of(rule))
    script(site)
    assert [((e.pts_ns or 0) / 1e9, e.data["way"]) for e in site.events] == expected


@pytest.mark.parametrize(
    ("points", "way"),
    [
        ([[0.5, 0.9], [0.5, 0.1]], 1),  # drawn upwards: A is the left of the picture
        ([[0.5, 0.1], [0.5, 0.9]], -1),  # drawn downwards: A is its right
        ([[0.5, 0.9], [0.5, 0.5], [0.5, 0.1]], 1),  # through the joint of two segments: once
        ([[0.5, 0.9], [0.5, 0.1], [0.4, 0.1], [0.4, 0.9]], 0),  # in and out again
        ([[0.5, 0.9], [0.5, 0.6]], 0),  # too short
    ],
)
def test_a_lines_direction_says_where_a_and_b_are(points: list[Any], way: int) -> None:
    assert Polyline(points).cross((0.2, 0.5), (0.8, 0.5)) == way
    assert Polyline(points).cross((0.8, 0.5), (0.2, 0.5)) == -way


def test_a_line_of_several_segments_is_followed_by_its_nearest_one() -> None:
    corner = Polyline([(0.0, 0.0), (0.5, 0.0), (0.5, 0.5)])
    assert corner.distance((0.25, 0.1), 2.0) == pytest.approx(0.1)
    assert corner.distance((0.6, 0.25), 2.0) == pytest.approx(0.2)  # x counts twice


def run_at(kmh: float, seconds: float = 3.0, **changes: Any) -> Callable[[Site], None]:
    """Go to the right at a speed on the ground: 20 m are the picture's width."""

    def script(site: Site) -> None:
        step = kmh / 3.6 / 20 / site.fps
        begin = changes.pop("begin", 0.1)
        for k in range(round(seconds * site.fps)):
            site.look(at(1, begin + step * k, **changes))

    return script


def to_the_left(site: Site) -> None:
    site.looks([[car(1, 0.9 - 0.02 * k)] for k in range(20)])


def to_the_right(site: Site) -> None:
    site.looks([[car(1, 0.3 + 0.02 * k)] for k in range(20)])


def stands(site: Site) -> None:
    rng = np.random.default_rng(2)
    site.looks([[car(1, 0.5 + rng.normal(0, 0.001))] for _ in range(100)])


RIGHT = [[0.1, 0.5], [0.9, 0.5]]
SPEED = {"kind": "speed", "over_kmh": 10, "classes": ["person"]}
MOVES: dict[str, tuple[dict[str, Any], Callable[[Site], None], list[float]]] = {
    "too fast": (SPEED, run_at(12), [0.8]),
    "fast enough, but not too fast": (SPEED, run_at(9), []),
    "too fast, elsewhere": ({**SPEED, "zone": "yard"}, run_at(12, 2), []),
    "too fast for a moment": (
        {**SPEED, "for_s": 2}, run_at(12, 2.0), [],
    ),
    "one wild box": (
        SPEED,
        lambda site: site.looks([[at(1, 0.3 if k == 7 else 0.25)] for k in range(15)]) and None, [],
    ),
    "running": ({"kind": "running"}, run_at(12), [1.2]),
    "walking": ({"kind": "running"}, run_at(5), []),
    "a car that runs": ({"kind": "running"}, to_the_right, []),
    "along the arrow": ({"kind": "direction", "arrow": RIGHT}, to_the_right, [1.0]),
    "not along the arrow": ({"kind": "direction", "arrow": RIGHT}, to_the_left, []),
    "against the arrow": ({"kind": "wrong_way", "arrow": RIGHT}, to_the_left, [1.0]),
    "not against the arrow": ({"kind": "wrong_way", "arrow": RIGHT}, to_the_right, []),
    "across the arrow": (
        {"kind": "wrong_way", "arrow": [[0.5, 0.9], [0.5, 0.1]]}, to_the_left, [],
    ),
    "standing has no way": ({"kind": "wrong_way", "arrow": RIGHT}, stands, []),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_a_movement_is_told_once_where_it_is_and_nowhere_else(name: str) -> None:
    rule, script, expected = MOVES[name]
    for ground in (GROUND, None):
        if ground is None and rule["kind"] == "speed":
            continue  # refused by the config
        site = Site(book_of(rule, ground=ground))
        script(site)
        assert [(e.pts_ns or 0) / 1e9 for e in site.events] == expected, f"ground: {ground}"


def test_a_speed_is_told_in_kmh_on_the_ground() -> None:
    site = Site(book_of(SPEED, {"kind": "running"}, ground=GROUND))
    run_at(12)(site)
    speed, running = site.events
    assert speed.data["speed_kmh"] == pytest.approx(12, abs=0.1)
    assert running.data["measured_by"] == "ground"


def test_without_a_ground_running_is_guessed_by_the_bodys_height() -> None:
    site = Site(book_of({"kind": "running"}))
    run_at(12)(site)  # 3.3 m/s are 2.96 heights a second of a body that is a tenth of 9:16
    (event,) = site.events
    assert event.data["measured_by"] == "height"
    assert event.data["speed_kmh"] == pytest.approx(18.1, abs=0.2)


def test_a_direction_without_a_ground_knows_no_speed() -> None:
    site = Site(book_of({"kind": "direction", "arrow": RIGHT}))
    to_the_right(site)
    assert (site.events[0].data["speed_kmh"], site.events[0].data["measured_by"]) == (None, None)


def test_the_ground_is_found_again_in_the_picture_and_ends_at_the_horizon() -> None:
    ground = Homography(
        [(0.4, 0.5), (0.6, 0.5), (1.0, 1.0), (0.0, 1.0)], [(0, 20), (10, 20), (10, 0), (0, 0)]
    )
    metres = np.array([[5.0, 10.0], [0.0, 0.0], [2.5, 15.0]])
    assert ground.to_ground(ground.to_picture(metres)) == pytest.approx(metres)
    assert np.isnan(ground.to_ground(np.array([[0.5, 0.2]]))).all()
    assert np.isnan(ground.to_picture(np.array([[5.0, -500.0]]))).all()
