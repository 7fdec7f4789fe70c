"""Broken schedules, rings, positions, perimeters and grids, each with every line of the answer.

A row is (id, site file, the files beside it, answer). The shortest good site file is lines 1 to
8; a time zone before it moves the rest down by one.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.config_support import MINIMAL, complaints, site_folder, write_site

__all__ = ["site_folder"]

ZONE = 'timezone = "Asia/Shanghai"\n'
RINGS = '[rings]\nfile = "rings.geojson"\n'
GRID = '[grid]\nfile = "grid.geojson"\n'
ROWS = """[grid]
rows = 4
columns = 4
south = 31.0
west = 121.0
north = 31.4
east = 121.4
"""


def site(rest: str, top: str = "", camera: str = "") -> str:
    """Return a site file: `top` above, `camera` into the camera's table, `rest` behind."""
    return f"{top}{MINIMAL}{camera}\n{rest}"


def square(lon: float, lat: float, side: float = 0.1) -> list[list[float]]:
    east, north = lon + side, lat + side
    return [[lon, lat], [east, lat], [east, north], [lon, north], [lon, lat]]


def feat(properties: dict[str, str], coordinates: Any, kind: str = "Polygon") -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def fc(*features: dict[str, Any], **more: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features, **more})


TOWN = feat({"ring": "urban"}, [square(121.4, 31.1)])
MERCATOR = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
FRAME = "[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]"
INSIDE = "[[0.3, 0.3], [0.5, 0.3], [0.5, 0.6]]"


def perim(inner: str = INSIDE, outer: str = FRAME, more: str = "") -> str:
    """Return a perimeter of two levels in one camera."""
    return f"""[[perimeters]]
id = "depot"
{more}
[[perimeters.parts]]
camera = "gate-north"
level = "control"
polygon = {outer}
[[perimeters.parts]]
camera = "gate-north"
level = "guard"
polygon = {inner}
"""


BROKEN: list[tuple[str, str, dict[str, str], list[str]]] = [
    (
        "unknown time zone",
        site("", top='timezone = "Asia/Shanghay"\n'),
        {},
        [
            (
                'site.toml:1: key timezone: "Asia/Shanghay" is not in the time zone database '
                "(did you mean Asia/Shanghai?)"
            )
        ],
    ),
    (
        "unknown weekday",
        site('[[schedules]]\nid = "night"\ndays = ["mon", "tues"]\n', top=ZONE),
        {},
        [
            (
                'site.toml:13: key schedules[1].days[2]: "tues" is not allowed; allowed: one of '
                "mon, tue, wed, thu, fri, sat, sun"
            )
        ],
    ),
    (
        "weekday twice",
        site('[[schedules]]\nid = "night"\ndays = ["mon", "mon"]\n', top=ZONE),
        {},
        ['site.toml:13: key schedules[1].days[2]: "mon" stands twice'],
    ),
    (
        "an hour that no day has",
        site('[[schedules]]\nid = "night"\nstart = "25:00"\n', top=ZONE),
        {},
        [
            (
                'site.toml:13: key schedules[1].start: "25:00" is not allowed; allowed: a time '
                "from 00:00 to 24:00, or sunrise or sunset, which up to 999 minutes may follow, "
                "such as sunset+30min"
            )
        ],
    ),
    (
        "a schedule without hours",
        site('[[schedules]]\nid = "night"\nstart = "22:00"\nend = "22:00"\n', top=ZONE),
        {},
        [
            (
                "site.toml:14: key schedules[1].end: start and end are both 22:00, which is no "
                "time; a whole day is 00:00 to 24:00"
            )
        ],
    ),
    (
        "sunrise without a position",
        site('[[schedules]]\nid = "dark"\nstart = "sunset"\nend = "sunrise"\n', top=ZONE),
        {},
        [
            (
                "site.toml:13: key schedules[1].start: sunrise and sunset need to know where: "
                "give lat and lon in [site_position]"
            ),
            (
                "site.toml:14: key schedules[1].end: sunrise and sunset need to know where: give "
                "lat and lon in [site_position]"
            ),
        ],
    ),
    (
        "half a position of the site",
        site("[site_position]\nlat = 31.2\n", top=ZONE),
        {},
        ["site.toml:12: key site_position.lat: needs lon beside it"],
    ),
    (
        "two schedules of one name",
        site('[[schedules]]\nid = "night"\n[[schedules]]\nid = "night"\n', top=ZONE),
        {},
        ['site.toml:14: key schedules[2].id: "night" is taken by line 12; each id must be unique'],
    ),
    (
        "a schedule named always",
        site('[[schedules]]\nid = "always"\n', top=ZONE),
        {},
        ['site.toml:12: key schedules[1].id: "always" is a schedule of its own; choose another id'],
    ),
    (
        "hours without a time zone",
        site('[rings.rural]\nquiet_hours = "22:00 to 06:00"\n'),
        {},
        [
            (
                "site.toml:11: key rings.rural.quiet_hours: hours need the site's time zone: "
                'write timezone = "Asia/Shanghai", or what it is, above the first table'
            )
        ],
    ),
    (
        "unknown schedule",
        site('[rings.rural]\nquiet_hours = "nights"\n[[schedules]]\nid = "night"\n', top=ZONE),
        {},
        [
            (
                'site.toml:12: key rings.rural.quiet_hours: no schedule has the id "nights"; '
                "allowed: night, always, never"
            )
        ],
    ),
    (
        "unknown schedule of a rule",
        site(
            "", top=ZONE, camera='rules = [{ id = "r", kind = "presence", schedule = "nights" }]\n'
        ),
        {},
        [
            (
                "site.toml:10: camera[1] gate-north, key rules[1].schedule: no schedule has the "
                'id "nights"; allowed: always, never'
            )
        ],
    ),
    (
        "unknown schedule of a camera's hours",
        site("", top=ZONE, camera='hours = "nights"\n'),
        {},
        [
            (
                'site.toml:10: camera[1] gate-north, key hours: no schedule has the id "nights"; '
                "allowed: always, never"
            )
        ],
    ),
    (
        "a camera's hours without a time zone",
        site("", camera='hours = "22:00 to 06:00"\n'),
        {},
        [
            (
                "site.toml:9: camera[1] gate-north, key hours: hours need the site's time zone: "
                'write timezone = "Asia/Shanghai", or what it is, above the first table'
            )
        ],
    ),
    (
        "written hours of the sun without a position",
        site('[rings.rural]\nquiet_hours = "sunset to sunrise"\n', top=ZONE),
        {},
        [
            (
                "site.toml:12: key rings.rural.quiet_hours: sunrise and sunset need to know "
                "where: give lat and lon in [site_position]"
            )
        ],
    ),
    (
        "policy of an unknown ring",
        site("[rings.village]\ntarget_fps = 2.0\n"),
        {},
        [
            (
                "site.toml:10: key rings.village: unknown key; allowed: file, outside, margin_m, "
                "settle_s, urban, suburban, rural"
            )
        ],
    ),
    (
        "unknown severity",
        site('[rings.rural]\nseverity = "alarm"\n'),
        {},
        [
            (
                'site.toml:11: key rings.rural.severity: "alarm" is not allowed; allowed: one of '
                "info, notice, warning, critical"
            )
        ],
    ),
    (
        "quiet severity without quiet hours",
        site('[rings.rural]\nquiet_severity = "critical"\n'),
        {},
        ["site.toml:11: key rings.rural.quiet_severity: has no effect without quiet_hours"],
    ),
    (
        "kept longer than the outbox keeps",
        site("[outbox]\nmax_age_h = 24.0\n[rings.rural]\nmax_age_h = 48.0\n"),
        {},
        [
            (
                "site.toml:13: key rings.rural.max_age_h: 48 has no effect: outbox.max_age_h "
                "removes every message after 24"
            )
        ],
    ),
    (
        "outside of no polygons",
        site('[rings]\noutside = "rural"\n'),
        {},
        ["site.toml:11: key rings.outside: has no effect without file"],
    ),
    (
        "two rings overlap",
        site(RINGS),
        {"rings.geojson": fc(TOWN, feat({"ring": "rural"}, [square(121.45, 31.15)]))},
        [
            (
                "site.toml:11: key rings.file: rings.geojson: the rings urban and rural overlap "
                "near latitude 31.17500, longitude 121.47500; a place belongs to one ring"
            )
        ],
    ),
    (
        "GeoJSON that is no JSON",
        site(RINGS),
        {"rings.geojson": '{\n "type": oops'},
        ["site.toml:11: key rings.file: rings.geojson: line 2: is not JSON: Expecting value"],
    ),
    (
        "GeoJSON that is none",
        site(RINGS),
        {"rings.geojson": '{"type": "Topology", "objects": {}}'},
        [
            (
                "site.toml:11: key rings.file: rings.geojson: is no GeoJSON FeatureCollection: "
                'its type is "Topology"'
            )
        ],
    ),
    (
        "GeoJSON without features",
        site(RINGS),
        {"rings.geojson": fc()},
        ["site.toml:11: key rings.file: rings.geojson: holds no feature"],
    ),
    (
        "a ring that is none",
        site(RINGS),
        {"rings.geojson": fc(feat({"ring": "city"}, [square(121.4, 31.1)]))},
        [
            (
                'site.toml:11: key rings.file: rings.geojson: feature 1: its ring "city" is not '
                "allowed; allowed: one of urban, suburban, rural"
            )
        ],
    ),
    (
        "a feature without its property",
        site(RINGS),
        {"rings.geojson": fc(feat({"name": "urban"}, [square(121.4, 31.1)]))},
        ["site.toml:11: key rings.file: rings.geojson: feature 1: has no property ring"],
    ),
    (
        "a point for an area",
        site(RINGS),
        {"rings.geojson": fc(feat({"ring": "urban"}, [121.4, 31.1], "Point"))},
        [
            (
                "site.toml:11: key rings.file: rings.geojson: feature 1: a Point has no area; "
                "allowed: Polygon, MultiPolygon"
            )
        ],
    ),
    (
        "a loop left open",
        site(RINGS),
        {"rings.geojson": fc(feat({"ring": "urban"}, [square(121.4, 31.1)[:-1]]))},
        [
            (
                "site.toml:11: key rings.file: rings.geojson: feature 1: loop 1 is not closed: "
                "its last point is not its first"
            )
        ],
    ),
    (
        "a border that crosses itself",
        site(RINGS),
        {"rings.geojson": fc(feat({"ring": "urban"}, [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]))},
        [
            (
                "site.toml:11: key rings.file: rings.geojson: feature 1: loop 1: edges 1 and 3 "
                "cross or touch"
            )
        ],
    ),
    (
        "latitude before longitude",
        site(RINGS),
        {
            "rings.geojson": fc(
                feat({"ring": "urban"}, [[[31, 121], [32, 121], [32, 122], [31, 121]]])
            )
        },
        [
            (
                "site.toml:11: key rings.file: rings.geojson: feature 1: loop 1, point 1: 31, "
                "121 is no longitude and latitude in degrees"
            )
        ],
    ),
    (
        "other coordinates than WGS 84",
        site(RINGS),
        {"rings.geojson": fc(TOWN, crs=MERCATOR)},
        [
            (
                "site.toml:11: key rings.file: rings.geojson: its crs is "
                '"urn:ogc:def:crs:EPSG::3857"; export it again in WGS 84 (EPSG:4326)'
            )
        ],
    ),
    (
        "no such ring file",
        site(RINGS),
        {},
        ["site.toml:11: key rings.file: no such file rings.geojson"],
    ),
    (
        "unknown position source",
        site(RINGS, camera='position = "van"\n'),
        {"rings.geojson": fc(TOWN)},
        [
            (
                "site.toml:9: camera[1] gate-north, key position: no source of positions has the "
                'id "van"; allowed: none; write a [[positions]]'
            )
        ],
    ),
    (
        "moving without polygons",
        site('[[positions]]\nid = "van"\n', camera='position = "van"\n'),
        {},
        [
            (
                "site.toml:9: camera[1] gate-north, key position: needs the ring polygons: give "
                "file in [rings]"
            )
        ],
    ),
    (
        "MQTT without a topic",
        site('[[positions]]\nid = "van"\nkind = "mqtt"\n'),
        {},
        ['site.toml:12: key positions[1].kind: kind = "mqtt" needs the key topic'],
    ),
    (
        "a topic over UDP",
        site('[[positions]]\nid = "van"\ntopic = "a/b"\n'),
        {},
        ['site.toml:12: key positions[1].topic: only kind = "mqtt" has a topic'],
    ),
    (
        "a port twice",
        site('[[positions]]\nid = "van"\n[[positions]]\nid = "car"\nlisten = "127.0.0.1:10110"\n'),
        {},
        [
            (
                "site.toml:14: key positions[2].listen: 127.0.0.1:10110 is taken by line 10; "
                "each needs its own port"
            )
        ],
    ),
    (
        "stale after lost",
        site('[[positions]]\nid = "van"\nstale_s = 700.0\n'),
        {},
        ["site.toml:12: key positions[1].stale_s: stale_s 700 is not below lost_s 600"],
    ),
    (
        "perimeter not nested",
        site(perim("[[0.3,0.3],[0.95,0.3],[0.6,0.6]]")),
        {},
        [
            (
                "site.toml:20: key perimeters[1].parts[2].polygon: level guard does not lie "
                "inside level control of camera gate-north: its point 2, [0.95, 0.3], is outside"
            )
        ],
    ),
    (
        "perimeter not nested, corners inside",
        site(
            perim(
                "[[0.15,0.2],[0.85,0.2],[0.85,0.8],[0.15,0.8]]",
                outer="[[0.1,0.1],[0.9,0.1],[0.9,0.9],[0.5,0.3],[0.1,0.9]]",
            )
        ),
        {},
        [
            (
                "site.toml:20: key perimeters[1].parts[2].polygon: level guard does not lie "
                "inside level control of camera gate-north: its edge 3 crosses edge 3 of the "
                "outer one"
            )
        ],
    ),
    (
        "unknown camera of a perimeter",
        site(perim().replace('"gate-north"', '"gate-south"', 1)),
        {},
        ['site.toml:14: key perimeters[1].parts[1].camera: no camera has the id "gate-south"'],
    ),
    (
        "unknown level of a perimeter",
        site(perim().replace('"guard"', '"gard"', 1)),
        {},
        [
            (
                "site.toml:19: key perimeters[1].parts[2].level: the perimeter has no level "
                '"gard"; allowed: control, guard, lockdown'
            )
        ],
    ),
    (
        "too few severities",
        site(perim(more='severities = ["notice", "warning"]')),
        {},
        [
            (
                "site.toml:12: key perimeters[1].severities: 2 severities for 3 levels; give one "
                "for each"
            )
        ],
    ),
    (
        "a level twice",
        site(perim(more='levels = ["control", "guard", "guard"]')),
        {},
        ['site.toml:12: key perimeters[1].levels[3]: the level "guard" stands twice'],
    ),
    (
        "grid without a cell for a camera",
        site(ROWS),
        {},
        [
            (
                "site.toml:4: camera[1] gate-north: the camera has no cell of the grid; give "
                "cell, or lat and lon"
            )
        ],
    ),
    (
        "unknown cell of a camera",
        site(ROWS, camera='cell = "R05C01"\n'),
        {},
        ['site.toml:9: camera[1] gate-north, key cell: the grid has no cell "R05C01"'],
    ),
    (
        "a camera outside of the grid",
        site(ROWS, camera="lat = 30.0\nlon = 121.1\n"),
        {},
        [
            (
                "site.toml:9: camera[1] gate-north, key lat: no cell of the grid holds latitude "
                "30, longitude 121.1"
            )
        ],
    ),
    (
        "half a grid",
        site("[grid]\nrows = 4\nsouth = 31.0\n", camera='cell = "R01C01"\n'),
        {},
        [
            (
                "site.toml:12: key grid.rows: rows and columns need all of rows, columns, south, "
                "west, north, east; missing: columns, west, north, east"
            )
        ],
    ),
    (
        "a grid upside down",
        site(ROWS.replace("31.4", "30.4"), camera='cell = "R01C01"\n'),
        {},
        ["site.toml:14: key grid.south: south is not below north"],
    ),
    (
        "grid file and rows together",
        site(ROWS + 'file = "grid.geojson"\n', camera='cell = "A"\n'),
        {"grid.geojson": fc(feat({"cell": "A"}, [square(121.4, 31.1)]))},
        [
            "site.toml:12: key grid.rows: has no effect beside file",
            "site.toml:13: key grid.columns: has no effect beside file",
            "site.toml:14: key grid.south: has no effect beside file",
            "site.toml:15: key grid.west: has no effect beside file",
            "site.toml:16: key grid.north: has no effect beside file",
            "site.toml:17: key grid.east: has no effect beside file",
        ],
    ),
    (
        "a cell twice",
        site(GRID, camera='cell = "A"\n'),
        {
            "grid.geojson": fc(
                feat({"cell": "A"}, [square(121.4, 31.1)]),
                feat({"cell": "A"}, [square(121.6, 31.1)]),
            )
        },
        [
            (
                'site.toml:12: key grid.file: grid.geojson: feature 2: the cell "A" is taken by '
                "feature 1"
            )
        ],
    ),
    (
        "a cell that no topic could hold",
        site(GRID, camera='cell = "A"\n'),
        {"grid.geojson": fc(feat({"cell": "A/1"}, [square(121.4, 31.1)]))},
        [
            (
                'site.toml:12: key grid.file: grid.geojson: feature 1: its cell "A/1" is not '
                "allowed; allowed: 1 to 63 letters, digits, dots, underscores or hyphens, "
                "beginning with a letter or digit"
            )
        ],
    ),
    (
        "a cell without a grid",
        site("", camera='cell = "A"\n'),
        {},
        ["site.toml:9: camera[1] gate-north, key cell: has no effect without [grid]"],
    ),
    (
        "half a place of a camera",
        site("", camera="lat = 31.0\n"),
        {},
        ["site.toml:9: camera[1] gate-north, key lat: needs lon beside it"],
    ),
    (
        "unknown cell in a picture",
        site(
            ROWS,
            camera=(
                'cell = "R01C01"\n'
                'cells = [{ cell = "R09C01", polygon = [[0, 0], [1, 0], [1, 1]] }]\n'
            ),
        ),
        {},
        ['site.toml:10: camera[1] gate-north, key cells[1].cell: the grid has no cell "R09C01"'],
    ),
]


@pytest.mark.parametrize(
    ("text", "files", "answer"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_a_broken_file_is_answered_word_for_word(
    site_folder: Path, text: str, files: dict[str, str], answer: list[str]
) -> None:
    for name, content in files.items():
        (site_folder / name).write_text(content)
    assert complaints(write_site(Path(), text)) == answer


def test_the_same_files_without_their_fault_load(site_folder: Path) -> None:
    (site_folder / "rings.geojson").write_text(fc(TOWN))
    text = site(
        RINGS + ROWS + perim() + '[[positions]]\nid = "van"\n',
        top=ZONE,
        camera='position = "van"\n',
    )
    assert complaints(write_site(Path(), text)) == []


def test_rings_that_share_a_border_do_not_overlap(site_folder: Path) -> None:
    # the second is the first one's neighbour, the third the hole in it, drawn 10 cm too wide
    around = [square(121.0, 31.0, 1.0), square(121.4, 31.4, 0.1)]
    features = [
        feat({"ring": "suburban"}, around),
        feat({"ring": "rural"}, [[square(122.0, 31.0)], [square(121.0, 32.0)]], "MultiPolygon"),
        feat({"ring": "urban"}, [square(121.399999, 31.399999, 0.100002)]),
    ]
    (site_folder / "rings.geojson").write_text(fc(*features))
    assert complaints(write_site(Path(), site(RINGS))) == []
