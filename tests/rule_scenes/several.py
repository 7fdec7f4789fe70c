"""Rules over all who are in a zone, and over the camera itself."""

from typing import Any

from tests.rule_scenes.scene import RuleScene, Wanted, drive, pace, stand, walk

BEGINS, IS_OVER = {"standing": True}, {"standing": False}
#: Crosses the court from 5.0 to 8.57 s.
ACROSS = walk((-7, 0), (7, 0))


def in_court(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "zone": "court", **more}


def group(count: int) -> list[dict[str, Any]]:
    """Return persons who stand apart in the court."""
    return [stand(0.7 + 0.9 * (i % 5), -1.5 + 2.2 * (i // 5)) for i in range(count)]


def line_up(gap_m: float, count: int = 3) -> list[dict[str, Any]]:
    """Return persons who stand one behind the other, from (0.6, 0) on."""
    return [stand(0.6 + gap_m * i, 0) for i in range(count)]


#: The picture's point where the queue begins: (0.6, 0) on the ground.
HEAD = [0.52739, 0.53468]
PRESENCE = (
    RuleScene("two come one after the other: one alarm", in_court("presence", clear_s=2),
              [ACROSS, walk((-7, 1), (7, 1), from_s=2.0)],
              [Wanted(5.2, (1,), BEGINS | {"count": 1}, severity="warning"),
               Wanted(12.8, (), IS_OVER, severity="notice")], seconds=16),
    RuleScene("one passes beside the zone", in_court("presence"),
              [walk((-7, -4.5), (7, -4.5))]),
    RuleScene("one passes for less than the rule's time", in_court("presence", for_s=5),
              [ACROSS]),
    RuleScene("a guard goes away", in_court("absence", for_s=4),
              [walk((2, 0), (9, 0), from_s=2.0, stays=True)],  # out of the zone at 4.14 s
              [Wanted(8.5, (), BEGINS | {"count": 0})], seconds=11),
    RuleScene("a guard goes away for three seconds", in_court("absence", for_s=4),
              [pace(2, 6.5, 2, from_s=2.0, stays=True)]),
    RuleScene("a guard comes back", in_court("absence", for_s=2),
              [pace(2, 8, 2, from_s=1.0, stays=True)],
              [Wanted(5.4, (), BEGINS), Wanted(9.8, (), IS_OVER)]),
)  # fmt: skip
COUNTS = (
    RuleScene("a third comes to two", in_court("count_over", over=2),
              [*group(2), walk((-7, 1), (3, 1), stays=True)],
              [Wanted(6.4, (1, 2, 3), BEGINS | {"count": 3})]),
    RuleScene("there are two", in_court("count_over", over=2), group(2)),
    RuleScene("a third passes for less than the rule's time",
              in_court("count_over", over=2, for_s=5), [*group(2), walk((-7, 1.5), (7, 1.5))]),
    RuleScene("one of two goes", in_court("count_under", under=2, for_s=3),
              [stand(1, 0), walk((3, 1), (9, 1), from_s=2.0)],  # out at 3.43 s
              [Wanted(6.8, (1,), BEGINS | {"count": 1})], seconds=10),
    RuleScene("one of three goes", in_court("count_under", under=2, for_s=3),
              [stand(1, 0), stand(2, 2), walk((3, 1), (9, 1), from_s=2.0)], seconds=10),
    RuleScene("five stand together", in_court("crowd", over=4, for_s=2), group(5),
              [Wanted(2.4, (1, 2, 3, 4, 5), BEGINS | {"count": 5})], seconds=6),
    RuleScene("four stand together", in_court("crowd", over=4, for_s=2), group(4), seconds=6),
    RuleScene("seven on thirty square metres", in_court("crowd", density_over=0.2, for_s=2),
              group(7), [Wanted(2.4, None, BEGINS | {"count": 7, "density": 0.233})], seconds=6),
    RuleScene("five on thirty square metres", in_court("crowd", density_over=0.2, for_s=2),
              group(5), seconds=6),
    RuleScene("five pass at a run", in_court("crowd", over=4, for_s=3),
              [walk((-9 - i, -1.0 + 0.7 * i), (9, -1.0 + 0.7 * i), speed=3.5) for i in range(5)],
              seconds=8),
)  # fmt: skip
QUEUES = (
    RuleScene("three stand in line", in_court("queue", over=2, for_s=3, head=HEAD), line_up(1.3),
              [Wanted(3.4, (1, 2, 3), BEGINS | {"count": 3, "length_m": 2.6})], seconds=6),
    RuleScene("the third stands apart", in_court("queue", over=2, for_s=3, head=HEAD),
              [*line_up(1.3, 2), stand(4.4, 0)], seconds=6),
    RuleScene("three stand together far from the head",
              in_court("queue", over=2, for_s=3, head=HEAD),
              [stand(2.7 + 0.8 * i, 2) for i in range(3)], seconds=6),
    RuleScene("two stand in line and a third walks past",
              in_court("queue", over=2, for_s=1, head=HEAD),
              [*line_up(1.3, 2), walk((-7, 0.8), (7, 0.8))]),
)  # fmt: skip
#: From four corners of the court to all sides.
FLIGHTS = (((1.5, -2), (-6, -4)), ((4, -2), (9, -4)), ((4, 2), (9, 5)), ((1.5, 2), (1.5, 9)))


def flee(count: int, *, every_s: float = 0.0, from_s: float = 4.0) -> list[dict[str, Any]]:
    """Return one who stays, and four of whom `count` run away from `from_s` on."""
    runs = [
        walk(*way, speed=2.6, from_s=from_s + every_s * i, stays=True)
        if i < count
        else stand(*way[0])
        for i, way in enumerate(FLIGHTS)
    ]
    return [stand(2.7, 0), *runs]


FALLS = (
    RuleScene("four of five run away", in_court("fall_in_count", fall_by=4, within_s=4),
              flee(4), [Wanted(5.6, (1,), {"from_count": 5, "to_count": 1})], seconds=9),
    # They have stood for so long that they are taken for parked, and leave their tracks behind.
    RuleScene("four who have stood for long run away",
              in_court("fall_in_count", fall_by=4, within_s=4), flee(4, from_s=13),
              [Wanted(14.6, (1,), {"from_count": 5, "to_count": 1})], seconds=17),
    RuleScene("four of five go one after the other",
              in_court("fall_in_count", fall_by=4, within_s=4), flee(4, every_s=3), seconds=17),
    RuleScene("three of five run away", in_court("fall_in_count", fall_by=4, within_s=4),
              flee(3), seconds=9),
)  # fmt: skip
CAMERA = (
    RuleScene("the lens is covered and freed", {"kind": "tamper"},
              changes=[(2.0, "covered"), (6.0, "covered over")],
              told=[Wanted(2.0, (), BEGINS | {"fault": "covered"}, severity="critical"),
                    Wanted(6.0, (), IS_OVER | {"fault": "covered"}, severity="notice")],
              seconds=8),
    RuleScene("it grows dark, which the rule leaves out",
              {"kind": "tamper", "faults": ["covered", "moved"]},
              changes=[(2.0, "dark")], seconds=6),
    RuleScene("a car drives close by", {"kind": "tamper"}, [drive((-20, -6), (20, -6), speed=6)]),
    RuleScene("the camera is away for eight seconds", {"kind": "camera_lost", "for_s": 5},
              changes=[(2.0, "lost"), (10.0, "live")], told=[Wanted(7.0, (), {"lost_s": 5.0})]),
    RuleScene("the camera is away for four seconds", {"kind": "camera_lost", "for_s": 5},
              changes=[(2.0, "lost"), (6.0, "live")]),
)  # fmt: skip
SCENES = (*PRESENCE, *COUNTS, *QUEUES, *FALLS, *CAMERA)
