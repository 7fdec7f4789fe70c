"""Broken zones, lines, grounds and rules, each with every line that `load` answers.

A row is (id, file, answer); what a row adds to the shortest good file begins at line 9.
"""

from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.settings.rules import KIND_KEYS, KIND_NEEDS, RuleKind, RuleSettings
from tests.config_support import MINIMAL, complaints, site_folder, write_site

__all__ = ["site_folder"]

GATE = "camera[1] gate-north"
YARD = (
    'zones = [{ id = "yard", polygon = [[0.1, 0.5], [0.9, 0.5], [0.9, 0.9], [0.1, 0.9]] }]\n'
    'lines = [{ id = "door", points = [[0.5, 0.9], [0.5, 0.5]] }]\n'
)
GROUND = (
    "ground = { image = [[0.2, 0.5], [0.8, 0.5], [1.0, 1.0], [0.0, 1.0]], "
    "metres = [[0, 20], [10, 20], [10, 0], [0, 0]] }\n"
)


def rule(text: str) -> str:
    """Return the file with zone, line and one rule at line 11."""
    return f'{MINIMAL}{YARD}rules = [{{ id = "r", {text} }}]\n'


def on_ground(text: str) -> str:
    """Return the file with the ground at line 11 and one rule at line 12."""
    return f'{MINIMAL}{YARD}{GROUND}rules = [{{ id = "r", {text} }}]\n'


BROKEN: list[tuple[str, str, str]] = [
    (
        "unknown zone, nearly right",
        rule('kind = "enter", zone = "yrad"'),
        f'site.toml:11: {GATE}, key rules[1].zone: "yrad" is no zone of this camera '
        "(did you mean yard?); allowed: yard",
    ),
    (
        "a line where a zone is wanted",
        rule('kind = "exit", zone = "door"'),
        f'site.toml:11: {GATE}, key rules[1].zone: "door" is no zone of this camera; allowed: yard',
    ),
    (
        "unknown line, and none at all",
        f'{MINIMAL}rules = [{{ id = "r", kind = "crossing", line = "door" }}]\n',
        f'site.toml:9: {GATE}, key rules[1].line: "door" is no line of this camera; '
        "allowed: add [[camera.lines]]",
    ),
    (
        "two rules of one id",
        f'{MINIMAL}rules = [\n{{ id = "r", kind = "presence" }},\n'
        '{ id = "r", kind = "absence" }]\n',
        f'site.toml:11: {GATE}, key rules[2].id: "r" is taken by line 10; each id must be unique',
    ),
    (
        "two lines of one id",
        f'{MINIMAL}lines = [\n{{ id = "l", points = [[0, 0], [1, 1]] }},\n'
        '{ id = "l", points = [[0, 1], [1, 0]] }]\n',
        f'site.toml:11: {GATE}, key lines[2].id: "l" is taken by line 10; each id must be unique',
    ),
    (
        "unknown kind",
        rule('kind = "fight"'),
        f'site.toml:11: {GATE}, key rules[1].kind: "fight" is not allowed; allowed: one of enter, '
        "exit, presence, absence, dwell, loitering, crossing, direction, wrong_way, speed, "
        "running, stopped, count_over, count_under, crowd, queue, fall_in_count, tamper, "
        "camera_lost",
    ),
    (
        "no kind",
        rule('zone = "yard"'),
        f"site.toml:11: {GATE}, key rules[1].kind: missing; allowed: one of enter, "
        "exit, presence, absence, dwell, loitering, crossing, direction, wrong_way, speed, "
        "running, stopped, count_over, count_under, crowd, queue, fall_in_count, tamper, "
        "camera_lost",
    ),
    (
        "a key of another kind",
        rule('kind = "enter", zone = "yard", over_kmh = 30'),
        f'site.toml:11: {GATE}, key rules[1].over_kmh: has no effect with kind = "enter"; allowed: '
        "schedule, cooldown_s, severity, classes, anchor, min_score, min_height_norm, settle_s, "
        "zone, appear",
    ),
    (
        "a zone for the camera's own health",
        rule('kind = "tamper", zone = "yard"'),
        f'site.toml:11: {GATE}, key rules[1].zone: has no effect with kind = "tamper"; allowed: '
        "schedule, cooldown_s, severity, faults",
    ),
    (
        "misspelt key of a rule",
        rule('kind = "presence", cooldwn_s = 3'),
        f"site.toml:11: {GATE}, key rules[1].cooldwn_s: unknown key (did you mean cooldown_s?); "
        "allowed: id, kind, zone, line, classes, anchor, min_score, min_height_norm, schedule, "
        "cooldown_s, severity, settle_s, for_s, clear_s, appear, over, under, density_over, "
        "fall_by, within_s, over_kmh, way, arrow, tolerance_deg, head, faults",
    ),
    (
        "enter without a zone",
        rule('kind = "enter"'),
        f'site.toml:11: {GATE}, key rules[1].zone: missing; kind = "enter" needs it',
    ),
    (
        "count over nothing",
        rule('kind = "count_over"'),
        f'site.toml:11: {GATE}, key rules[1].over: missing; kind = "count_over" needs it',
    ),
    (
        "speed without a ground",
        rule('kind = "speed", over_kmh = 50'),
        f'site.toml:11: {GATE}, key rules[1].kind: kind = "speed" needs [camera.ground]: '
        "without it no distance is known",
    ),
    (
        "crowd without a limit",
        rule('kind = "crowd", zone = "yard"'),
        f'site.toml:11: {GATE}, key rules[1]: kind = "crowd" needs over, density_over or both',
    ),
    (
        "density without a ground",
        rule('kind = "crowd", zone = "yard", density_over = 2'),
        f"site.toml:11: {GATE}, key rules[1].density_over: needs [camera.ground]: "
        "without it no area is known",
    ),
    (
        "density of the whole picture",
        on_ground('kind = "crowd", density_over = 2.0'),
        f"site.toml:12: {GATE}, key rules[1].density_over: needs zone: "
        "the whole picture has no area on the ground",
    ),
    (
        "density up to the sky",
        on_ground('kind = "crowd", zone = "yard", density_over = 2.0')
        .replace("[[0.1, 0.5], [0.9, 0.5]", "[[0.1, 0.2], [0.9, 0.2]")
        .replace("[[0.2, 0.5], [0.8, 0.5]", "[[0.4, 0.5], [0.6, 0.5]"),
        f'site.toml:12: {GATE}, key rules[1].density_over: zone "yard" reaches the horizon: '
        "it has no area on the ground",
    ),
    (
        "a queue's head outside of its zone",
        rule('kind = "queue", zone = "yard", over = 3, head = [0.5, 0.1]'),
        f'site.toml:11: {GATE}, key rules[1].head: [0.5, 0.1] lies outside of zone "yard"',
    ),
    (
        "an arrow without a length",
        rule('kind = "wrong_way", arrow = [[0.5, 0.5], [0.5, 0.5]]'),
        f"site.toml:11: {GATE}, key rules[1].arrow: point 2 repeats point 1: a line of length zero",
    ),
    (
        "a class that nobody tells",
        rule('kind = "presence", classes = ["dog"]'),
        f'site.toml:11: {GATE}, key rules[1].classes[1]: "dog" is not allowed; '
        "allowed: person, vehicle, or vehicle/ and a subclass, such as vehicle/car",
    ),
    (
        "a line of length zero",
        f'{MINIMAL}lines = [{{ id = "l", points = [[0.5, 0.5], [0.5, 0.5]] }}]\n',
        f"site.toml:9: {GATE}, key lines[1].points: point 2 repeats point 1: a line of length zero",
    ),
    (
        "a line of one point",
        f'{MINIMAL}lines = [{{ id = "l", points = [[0.5, 0.5]] }}]\n',
        f"site.toml:9: {GATE}, key lines[1].points: a list of 1 is not allowed; "
        "allowed: 2 to 16 points [x, y], each number from 0 to 1",
    ),
    (
        "a line beyond the picture",
        f'{MINIMAL}lines = [{{ id = "l", points = [[0.5, 0.5], [0.5, 1.5]] }}]\n',
        f"site.toml:9: {GATE}, key lines[1].points[2][2]: 1.5 is not allowed; "
        "allowed: a number from 0 to 1",
    ),
    (
        "a line without points",
        f'{MINIMAL}lines = [{{ id = "l" }}]\n',
        f"site.toml:9: {GATE}, key lines[1]: needs points (in the picture) or ground (in metres)",
    ),
    (
        "a zone without corners",
        f'{MINIMAL}zones = [{{ id = "z" }}]\n',
        f"site.toml:9: {GATE}, key zones[1]: needs polygon (in the picture) or ground (in metres)",
    ),
    (
        "a zone in two places",
        f"{MINIMAL}{GROUND}"
        'zones = [{ id = "z", polygon = [[0, 0], [1, 0], [1, 1]], '
        "ground = [[0, 0], [5, 0], [5, 5]] }]",
        f"site.toml:10: {GATE}, key zones[1].ground: stands beside polygon; keep one of both",
    ),
    (
        "metres without a ground",
        f'{MINIMAL}zones = [{{ id = "z", ground = [[0, 0], [5, 0], [5, 5]] }}]\n',
        f"site.toml:9: {GATE}, key zones[1].ground: metres need [camera.ground]: "
        "four points of the picture whose place is known",
    ),
    (
        "metres that cross themselves",
        f'{MINIMAL}{GROUND}zones = [{{ id = "z", ground = [[0, 0], [5, 5], [5, 0], [0, 5]] }}]\n',
        f"site.toml:10: {GATE}, key zones[1].ground: edges 1 and 3 cross or touch; "
        "list the corners in order around it",
    ),
    (
        "metres behind the camera",
        f'{MINIMAL}{GROUND}lines = [{{ id = "l", ground = [[0, 5], [0, -500]] }}]\n',
        f"site.toml:10: {GATE}, key lines[1].ground: point 2 [0.0, -500.0] lies behind the camera",
    ),
    (
        "metres beside the picture",
        f'{MINIMAL}{GROUND}lines = [{{ id = "l", ground = [[500, 1], [500, 9]] }}]\n',
        f"site.toml:10: {GATE}, key lines[1].ground: lies wholly outside of the picture",
    ),
    (
        "three points of the ground on a line",
        f"{MINIMAL}ground = {{ image = [[0, 1], [0.5, 1], [1, 1], [0.5, 0.5]], "
        "metres = [[0, 0], [5, 0], [10, 0], [5, 20]] }\n",
        f"site.toml:9: {GATE}, key ground.image: points 1, 2, 3 lie on a line: "
        "four points tell a ground only as corners",
    ),
    (
        "the ground in another order",
        MINIMAL + GROUND.replace("[[0, 20], [10, 20], [10, 0], [0, 0]]",
                                 "[[0, 20], [10, 0], [10, 20], [0, 0]]"),
        f"site.toml:9: {GATE}, key ground.metres: goes round in another order than image: "
        "name the same four places in one order",
    ),
    (
        "three points for a ground",
        f"{MINIMAL}ground = {{ image = [[0, 1], [1, 1], [0.5, 0.5]], "
        "metres = [[0, 0], [10, 0], [5, 20]] }\n",
        f"site.toml:9: {GATE}, key ground.image: a list of 3 is not allowed; "
        f"allowed: 4 points [x, y], each number from 0 to 1\nsite.toml:9: {GATE}, key "
        "ground.metres: a list of 3 is not allowed; allowed: 4 points [x, y], each number from "
        "-10000 to 10000",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "answer"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
def test_a_broken_rule_is_answered_word_for_word(site_folder: Path, text: str, answer: str) -> None:
    assert "\n".join(complaints(write_site(Path(), text))) == answer


#: A value for each key that a kind may need.
VALUES = {
    "zone": '"yard"', "line": '"door"', "arrow": "[[0.2, 0.7], [0.8, 0.7]]", "over_kmh": "30.0",
    "over": "4", "under": "2", "fall_by": "3",
}  # fmt: skip


@pytest.mark.parametrize("kind", RuleKind)
def test_a_rule_with_what_its_kind_needs_loads(site_folder: Path, kind: RuleKind) -> None:
    needs = ("over",) if kind is RuleKind.CROWD else KIND_NEEDS.get(kind, ())
    text = "".join(f", {key} = {VALUES[key]}" for key in needs)
    settings = load(write_site(Path(), on_ground(f'kind = "{kind}"{text}')), {})
    assert settings.camera[0].rules[0].kind is kind


def test_every_kind_says_which_keys_it_uses_and_every_key_has_a_kind() -> None:
    assert set(KIND_KEYS) == set(RuleKind)
    assert {key for keys in KIND_KEYS.values() for key in keys} == set(RuleSettings.model_fields)
    assert all(set(needs) <= set(KIND_KEYS[kind]) for kind, needs in KIND_NEEDS.items())


def test_zones_and_lines_in_metres_are_found_in_the_picture(site_folder: Path) -> None:
    text = (
        f"{MINIMAL}{GROUND}"
        'zones = [{ id = "z", ground = [[0, 20], [10, 20], [10, 0], [0, 0]] }]\n'
        'lines = [{ id = "l", ground = [[0, 0], [10, 0]] }]\n'
    )
    camera = load(write_site(Path(), text), {}).camera[0]
    ((_, polygon),) = camera.zone_polygons()
    assert [pytest.approx(p, abs=1e-9) for p in polygon] == [(0.2, 0.5), (0.8, 0.5), (1, 1), (0, 1)]
    assert [pytest.approx(p, abs=1e-9) for p in camera.line_points()[0][1]] == [(0, 1), (1, 1)]
