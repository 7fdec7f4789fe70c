"""Rules over one track: visits, lines, ways and speeds."""

from typing import Any

from tests.rule_scenes.scene import RuleScene, Wanted, drive, pace, stand, walk

#: Walks across the court: over the gate at 5.0 s, in from 5.0 to 8.57 s.
ACROSS = walk((-7, 0), (7, 0))
#: The arrow of the court: from its western to its eastern side, through its middle.
EASTWARD = [[0.5, 0.53468], [0.72, 0.53468]]


def in_court(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "zone": "court", **more}


ENTER_EXIT = (
    RuleScene("one walks in", in_court("enter"), [ACROSS],
              [Wanted(5.2, (1,), {"appeared": False})]),
    RuleScene("one walks past, a metre and a half beside the zone", in_court("enter"),
              [walk((-7, -4.5), (7, -4.5))]),
    RuleScene("a car drives in where persons count", in_court("enter", classes=["person"]),
              [drive((-20, 0), (20, 0), speed=6.0)]),
    RuleScene("of a person and a car only the car counts", in_court("enter", classes=["vehicle"]),
              [walk((-7, -1), (7, -1)), drive((-20, 2), (20, 2), speed=6.0)],
              [Wanted(3.5, (2,))]),
    RuleScene("one was there before", in_court("enter", appear=False), [stand(2, 0)]),
    RuleScene("one was there before, and that counts", in_court("enter"), [stand(2, 0)],
              [Wanted(0.4, (1,), {"appeared": True})]),
    # From one picture to the next: the track is lost, and another begins beside it.
    RuleScene("one turns so sharply that its id is lost", in_court("enter"),
              [pace(-5, 3, 1, 4, pause_s=0, stays=True)],
              [Wanted(4.0, (1,), {"appeared": False})]),
    RuleScene("one whose id was lost walks out", in_court("exit"),
              [pace(-5, 3, -5, pause_s=0)],
              [Wanted(8.1, (1,), {"dwell_s": 4.2, "reason": "left"})], seconds=16),
    RuleScene("one walks out", in_court("exit"), [ACROSS],
              [Wanted(8.8, (1,), {"dwell_s": 3.4, "reason": "left"})]),
    RuleScene("one walks in and stays", in_court("exit"), [walk((-7, 0), (2, 0), stays=True)]),
    RuleScene("one was in before its hours and leaves after them",
              in_court("exit", schedule="13:00 to 14:00"), [ACROSS]),
)  # fmt: skip
STAYS = (
    RuleScene("one stops for five seconds", in_court("dwell", for_s=4),
              [walk((-7, 0), (7, 0), stops=[(9, 5)])], [Wanted(9.2, (1,), {"dwell_s": 4.0})]),
    RuleScene("one walks through without stopping", in_court("dwell", for_s=4), [ACROSS]),
    # In from 2.1 to 4.8 s, then from 7.4 s on.
    RuleScene("one paces over the border", in_court("loitering", for_s=8, clear_s=3),
              [pace(-3, 1, -1, 4, stays=True)],
              [Wanted(10.3, (1,), {"dwell_s": 8.0})], seconds=14),
    RuleScene("one comes back after a longer time", in_court("loitering", for_s=8, clear_s=3),
              [pace(-3, 1, -4, 4, stays=True)], seconds=18),
    RuleScene("one paces over the border, which ends a dwell", in_court("dwell", for_s=8),
              [pace(-3, 1, -1, 4, stays=True)], seconds=14),
    # Brakes from 10 m/s by 1.8 m/s² over 27.8 m, and stands at x = 2 from 5.7 s on.
    RuleScene("a car stops for seven seconds", in_court("stopped", for_s=5),
              [drive((-28, 1), (30, 1), speed=10, stops=[(30, 7)])],
              [Wanted(10.7, (1,), within_s=1.2)], seconds=15),
    RuleScene("a car stops for two seconds", in_court("stopped", for_s=5),
              [drive((-28, 1), (30, 1), speed=10, stops=[(30, 2)])], seconds=14),
    RuleScene("a car stops beside the zone", in_court("stopped", for_s=5),
              [drive((-28, 5.5), (30, 5.5), speed=10, stops=[(30, 7)])], seconds=15),
)  # fmt: skip
LINES = (
    RuleScene("one walks over the line", {"kind": "crossing", "line": "gate"}, [ACROSS],
              [Wanted(5.3, (1,), {"line": "gate", "way": "a_to_b"})]),
    RuleScene("two walk over it, both ways", {"kind": "crossing", "line": "gate"},
              [ACROSS, walk((7, 2), (-7, 2), from_s=1.0)],
              [Wanted(5.3, (1,), {"way": "a_to_b"}), Wanted(6.3, (2,), {"way": "b_to_a"})]),
    RuleScene("one walks over it the other way", {"kind": "crossing", "line": "gate",
                                                  "way": "b_to_a"}, [ACROSS]),
    RuleScene("one turns back before the line", {"kind": "crossing", "line": "gate"},
              [pace(-7, -0.5, -7)]),
    RuleScene("one steps over the line and at once back",
              {"kind": "crossing", "line": "gate", "settle_s": 3.0},
              [pace(-5, 0.7, -5)]),
    RuleScene("one turns back at the line so sharply that its id is lost",
              {"kind": "crossing", "line": "gate", "settle_s": 3.0},
              [pace(-5, 0.7, -5, pause_s=0)]),
    RuleScene("one walks past the line's end", {"kind": "crossing", "line": "gate"},
              [walk((-7, 5.5), (7, 5.5))]),
)  # fmt: skip
WAYS = (
    RuleScene("one walks along the arrow", in_court("direction", arrow=EASTWARD), [ACROSS],
              [Wanted(6.0, (1,))]),
    RuleScene("one walks across the arrow", in_court("direction", arrow=EASTWARD),
              [walk((2.5, -6), (2.5, 6))]),
    RuleScene("one walks against the arrow", in_court("direction", arrow=EASTWARD),
              [walk((7, 0), (-7, 0))]),
    RuleScene("a car drives against the arrow", in_court("wrong_way", arrow=EASTWARD),
              [drive((20, 0), (-20, 0), speed=5)],
              [Wanted(4.0, (1,), {"measured_by": "ground"}, severity="warning")]),
    RuleScene("a car drives along the arrow", in_court("wrong_way", arrow=EASTWARD),
              [drive((-20, 0), (20, 0), speed=5)]),
    RuleScene("a car stands the wrong way round", in_court("wrong_way", arrow=EASTWARD),
              [{"what": "car", "path": [(2, 0)], "heading": 180.0}]),
    RuleScene("a person walks against the arrow", in_court("wrong_way", arrow=EASTWARD),
              [walk((7, 0), (-7, 0))]),
)  # fmt: skip
SPEEDS = (
    RuleScene("a car drives at 43 km/h", {"kind": "speed", "over_kmh": 35},
              [drive((-30, 1), (30, 1), speed=12)],
              [Wanted(2.4, (1,), {"measured_by": "ground", "speed_kmh": 43.2})]),
    RuleScene("a car drives at 32 km/h", {"kind": "speed", "over_kmh": 35},
              [drive((-30, 1), (30, 1), speed=9)]),
    RuleScene("a car drives fast beside the zone", in_court("speed", over_kmh=35),
              [drive((-30, 5.5), (30, 5.5), speed=12)]),
    RuleScene("one runs at 12.6 km/h", {"kind": "running"}, [walk((-9, 0), (9, 0), speed=3.5)],
              [Wanted(1.7, (1,), {"measured_by": "ground", "speed_kmh": 12.6})]),
    RuleScene("one runs where metres are not known", {"kind": "running"},
              [walk((-9, 0), (9, 0), speed=3.5)],
              [Wanted(1.7, (1,), {"measured_by": "height"})],
              camera={"ground": None, "zones": [], "lines": []}),
    RuleScene("one walks briskly, at 7.2 km/h", {"kind": "running"},
              [walk((-9, 0), (9, 0), speed=2.0)]),
    RuleScene("one walks briskly where metres are not known", {"kind": "running"},
              [walk((-9, 0), (9, 0), speed=2.0)],
              camera={"ground": None, "zones": [], "lines": []}),
)  # fmt: skip
SCENES = (*ENTER_EXIT, *STAYS, *LINES, *WAYS, *SPEEDS)
