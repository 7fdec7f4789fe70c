"""Broken site files, each with every line that `load` answers.

A row is (id, file, answer). `CAMERA` stands for the shortest good file, lines 1 to 8, so that
what a row adds begins at line 9.
"""

from pathlib import Path

import pytest

from tests.config_support import MINIMAL, complaints, site_folder, write_site

__all__ = ["site_folder"]

NAME = "1 to 63 letters, digits, dots, underscores or hyphens, beginning with a letter or digit"
CAMERA_KEYS = (
    "id, url, detect_url, username, password_file, ring, layer, target_fps, latency_slo_ms, "
    "transport, decode, hours, quiet_s, buffer_s, buffer_mb, loop, realtime, connect_timeout_s, "
    "stall_timeout_s, persons, vehicles, zones, lines, ground, rules, ignore, position, lat, lon, "
    "cell, cells, policy"
)
TOP_KEYS = (
    "site, agent_id, state_dir, timezone, broker, outbox, journal, model, tracking, service, "
    "site_position, schedules, rings, positions, perimeters, grid, counts, camera"
)
NO_LOGIN = (
    "holds a user name or password, which would show in logs and in ps; "
    "remove it and use the keys username and password_file (an @ of the path is written %40)"
)
TOPICS = (
    "topic levels separated by single slashes, without #, + or spaces, not beginning with $ or /"
)
POINTS = "3 to 64 points [x, y], each number from 0 to 1"
GATE = "camera[1] gate-north"
CAMERA = MINIMAL


def with_url(url: str) -> str:
    return MINIMAL.replace("rtsp://10.0.0.7/101", url)


def with_polygon(points: str) -> str:
    return f'{MINIMAL}zones = [{{ id = "door", polygon = {points} }}]\n'


#: What is wrong with the file itself, before any key is looked at.
FILES: list[tuple[str, str | bytes, str]] = [
    ("empty", "", "site.toml: is empty; begin with a copy of configs/agent.example.toml"),
    ("blank", " \n\n", "site.toml: is empty; begin with a copy of configs/agent.example.toml"),
    (
        "not utf-8",
        'site = "old"\n# caf\xe9\n'.encode("latin-1"),
        "site.toml:2: byte 0xe9 is not UTF-8; save the file as UTF-8",
    ),
    (
        "no equals sign",
        'site = "a"\nagent_id "b"\n',
        "site.toml:2:10: not valid TOML: Expected '=' after a key in a key/value pair",
    ),
    (
        "no quotes",
        "site = old-town\n",
        "site.toml:1:8: not valid TOML: Invalid value",
    ),
    (
        "a key twice",
        'site = "a"\nsite = "b"\nagent_id = "c"\n',
        "site.toml:2:11: not valid TOML: Cannot overwrite a value",
    ),
    (
        "unfinished text",
        'site = "a"\nagent_id = """b\n',
        "site.toml:2: not valid TOML: Unterminated string",
    ),
    (
        "number without end",
        f"site = {'9' * 5000}\n",
        "site.toml: not valid TOML: a number has too many digits",
    ),
    (
        "bottomless",
        f"site = {'[' * 40}{']' * 40}\n",
        "site.toml: not valid TOML: lists or tables nested too deeply",
    ),
    ("huge", b"#" * 1_000_001, "site.toml: larger than 1000000 bytes; not a site file"),
]

#: Names, presence and single values.
KEYS: list[tuple[str, str, str]] = [
    (
        "nothing required is there",
        "[broker]\n",
        f"site.toml: key site: missing; allowed: {NAME}\n"
        f"site.toml: key agent_id: missing; allowed: {NAME}\n"
        "site.toml: key camera: missing; allowed: 1 to 256 tables, each headed [[camera]]",
    ),
    (
        "no camera",
        'site = "a"\nagent_id = "b"\ncamera = []\n',
        "site.toml:3: key camera: a list of 0 is not allowed; "
        "allowed: 1 to 256 tables, each headed [[camera]]",
    ),
    (
        "single brackets",
        MINIMAL.replace("[[camera]]", "[camera]"),
        "site.toml:4: key camera: a table is not allowed; "
        "allowed: 1 to 256 tables, each headed [[camera]]",
    ),
    (
        "camera without ring and layer",
        MINIMAL.replace('ring = "urban"\nlayer = "portrait"\n', ""),
        f"site.toml:4: {GATE}, key ring: missing; allowed: one of urban, suburban, rural\n"
        f"site.toml:4: {GATE}, key layer: missing; "
        "allowed: one of portrait, checkpoint, panoramic, uav",
    ),
    (
        "camera without id",
        MINIMAL.replace('id = "gate-north"\n', ""),
        f"site.toml:4: camera[1], key id: missing; allowed: {NAME}",
    ),
    (
        "misspelt camera key",
        CAMERA + "target_fsp = 5\n",
        f"site.toml:9: {GATE}, key target_fsp: unknown key (did you mean target_fps?); "
        f"allowed: {CAMERA_KEYS}",
    ),
    (
        "misspelt table",
        CAMERA + '[brokr]\nurl = "mqtt://h"\n',
        f"site.toml:9: key brokr: unknown key (did you mean broker?); allowed: {TOP_KEYS}",
    ),
    (
        "key under the wrong header",
        CAMERA + "[outbox]\nlanes = 2\n",
        "site.toml:10: key outbox.lanes: unknown key; it belongs under [model.plan]; "
        "allowed: max_rows, max_mb, max_age_h, queue_events",
    ),
    (
        "top key below a table",
        CAMERA + 'state_dir = "/tmp"\n',
        f"site.toml:9: {GATE}, key state_dir: unknown key; it belongs above the first table; "
        f"allowed: {CAMERA_KEYS}",
    ),
    (
        "key with a line break",
        CAMERA + '"a\\nb" = 1\n',
        f'site.toml:9: {GATE}, key "a\\nb": unknown key; allowed: {CAMERA_KEYS}',
    ),
    (
        "number above its range",
        CAMERA + "target_fps = 120\n",
        f"site.toml:9: {GATE}, key target_fps: 120 is not allowed; "
        "allowed: a number above 0 and at most 60",
    ),
    (
        "number at its open bound",
        CAMERA + "target_fps = 0\n",
        f"site.toml:9: {GATE}, key target_fps: 0 is not allowed; "
        "allowed: a number above 0 and at most 60",
    ),
    (
        "not a number",
        CAMERA + "target_fps = nan\n",
        f"site.toml:9: {GATE}, key target_fps: nan is not allowed; "
        "allowed: a number above 0 and at most 60",
    ),
    (
        "number in quotes",
        CAMERA + 'target_fps = "5"\n',
        f'site.toml:9: {GATE}, key target_fps: "5" is not allowed; '
        "allowed: a number above 0 and at most 60",
    ),
    (
        "broken number for a whole one",
        CAMERA + "[outbox]\nmax_rows = 1000.5\n",
        "site.toml:10: key outbox.max_rows: 1000.5 is not allowed; "
        "allowed: a whole number from 100 to 50000000",
    ),
    (
        "number beyond 64 bits",
        CAMERA + "[model.plan]\nlanes = 99999999999999999999\n",
        "site.toml:10: key model.plan.lanes: 99999999999999999999 is not allowed; "
        "allowed: a whole number from 1 to 16",
    ),
    (
        "one for true",
        CAMERA + "loop = 1\n",
        f"site.toml:9: {GATE}, key loop: 1 is not allowed; allowed: true or false",
    ),
    (
        "true for a number",
        CAMERA + "[broker]\nkeepalive_s = true\n",
        "site.toml:10: key broker.keepalive_s: true is not allowed; "
        "allowed: a whole number from 5 to 3600",
    ),
    (
        "date for a number",
        CAMERA + "stall_timeout_s = 2026-01-01\n",
        f"site.toml:9: {GATE}, key stall_timeout_s: the date or time 2026-01-01 is not allowed; "
        "allowed: a number from 1 to 120",
    ),
    (
        "date for a name",
        "site = 2026-01-01\n" + MINIMAL.partition("\n")[2],
        f"site.toml:1: key site: the date or time 2026-01-01 is not allowed; allowed: {NAME}",
    ),
    (
        "text for a table",
        'broker = "mqtt://h"\n' + MINIMAL,
        'site.toml:1: key broker: "mqtt://h" is not allowed; allowed: a table',
    ),
    (
        "list for a text",
        CAMERA + 'username = ["viewer", "x"]\n',
        f"site.toml:9: {GATE}, key username: a list of 2 is not allowed; "
        "allowed: 1 to 255 characters without control characters",
    ),
    (
        "empty user name",
        CAMERA + 'username = ""\n',
        f'site.toml:9: {GATE}, key username: "" is not allowed; '
        "allowed: 1 to 255 characters without control characters",
    ),
    (
        "unknown ring",
        MINIMAL.replace('"urban"', '"city"'),
        f'site.toml:7: {GATE}, key ring: "city" is not allowed; '
        "allowed: one of urban, suburban, rural",
    ),
    (
        "url that may hold a password in the wrong place",
        MINIMAL.replace('"urban"', '"rtsp://admin:hunter2/101"'),
        f'site.toml:7: {GATE}, key ring: "rtsp://…" is not allowed; '
        "allowed: one of urban, suburban, rural",
    ),
    (
        "unknown layer",
        MINIMAL.replace('"portrait"', '"Portrait"'),
        f'site.toml:8: {GATE}, key layer: "Portrait" is not allowed; '
        "allowed: one of portrait, checkpoint, panoramic, uav",
    ),
    (
        "unknown transport",
        CAMERA + 'transport = "http"\n',
        f'site.toml:9: {GATE}, key transport: "http" is not allowed; allowed: one of tcp, udp',
    ),
    (
        "unknown decode",
        CAMERA + 'decode = "sometimes"\n',
        f'site.toml:9: {GATE}, key decode: "sometimes" is not allowed; '
        "allowed: one of always, keyframes, on_demand",
    ),
    (
        "quiet_s without a sleep",
        CAMERA + 'decode = "always"\nquiet_s = 5\n',
        f'site.toml:10: {GATE}, key quiet_s: has no effect with decode = "always"',
    ),
    (
        "unknown provider",
        CAMERA + '[model]\nprovider = "gpu"\n',
        'site.toml:10: key model.provider: "gpu" is not allowed; '
        "allowed: one of auto, cpu, cuda, tensorrt, openvino, xnnpack",
    ),
    (
        "wildcard in the site",
        MINIMAL.replace('"old-town"', '"old/+"'),
        f'site.toml:1: key site: "old/+" is not allowed; allowed: {NAME}',
    ),
    (
        "space in the agent's name",
        MINIMAL.replace('"pi-1"', '"pi 1"'),
        f'site.toml:2: key agent_id: "pi 1" is not allowed; allowed: {NAME}',
    ),
    (
        "camera id that is no topic level",
        MINIMAL.replace('"gate-north"', '"gate#1"'),
        f'site.toml:5: camera[1], key id: "gate#1" is not allowed; allowed: {NAME}',
    ),
    (
        "wildcard in the topic root",
        CAMERA + '[broker]\ntopic_root = "edge/+/v1"\n',
        f'site.toml:10: key broker.topic_root: "edge/+/v1" is not allowed; allowed: {TOPICS}',
    ),
    (
        "empty level in the topic root",
        CAMERA + '[broker]\ntopic_root = "edge//v1"\n',
        f'site.toml:10: key broker.topic_root: "edge//v1" is not allowed; allowed: {TOPICS}',
    ),
    (
        "long value",
        MINIMAL.replace('"old-town"', f'"{"x" * 200}"'),
        f'site.toml:1: key site: "{"x" * 80}…" is not allowed; allowed: {NAME}',
    ),
]

#: URLs, and what must agree with them.
ADDRESSES: list[tuple[str, str, str]] = [
    (
        "password in the url",
        with_url("rtsp://admin:hunter2@10.0.0.7/101"),
        f"site.toml:6: {GATE}, key url: {NO_LOGIN}",
    ),
    (
        "user name in the url",
        with_url("rtsp://admin@10.0.0.7/101"),
        f"site.toml:6: {GATE}, key url: {NO_LOGIN}",
    ),
    (
        "raw password with all the signs",
        with_url("rtsp://admin:hunter2/#?@x@10.0.0.7/101"),
        f"site.toml:6: {GATE}, key url: {NO_LOGIN}",
    ),
    (
        "password in the query",
        with_url("rtsp://10.0.0.7/live?user=a&password=hunter2"),
        f"site.toml:6: {GATE}, key url: {NO_LOGIN}",
    ),
    (
        "password without the scheme",
        with_url("admin:hunter2@10.0.0.7/101"),
        f"site.toml:6: {GATE}, key url: {NO_LOGIN}",
    ),
    (
        "password in the substream",
        CAMERA + 'detect_url = "rtsps://admin:hunter2@10.0.0.7/102"\n',
        f"site.toml:9: {GATE}, key detect_url: {NO_LOGIN}",
    ),
    (
        "password for the broker's url",
        CAMERA + '[broker]\nurl = "mqtts://pi:hunter2@h:8883"\n',
        f"site.toml:10: key broker.url: {NO_LOGIN}",
    ),
    (
        "password key",
        CAMERA + 'username = "viewer"\npassword = "hunter2"\n',
        f"site.toml:10: {GATE}, key password: secrets never stand in the file; "
        "use password_file or the variable EDGE_AGENT_CAMERA_GATE_NORTH_PASSWORD",
    ),
    (
        "password key of the broker",
        CAMERA + '[broker]\nusername = "pi"\npassword = 12345\n',
        "site.toml:11: key broker.password: the value is not allowed; allowed: a text\n"
        "site.toml:11: key broker.password: secrets never stand in the file; "
        "use password_file or the variable EDGE_AGENT_BROKER__PASSWORD",
    ),
    (
        "scheme of a web camera",
        with_url("http://10.0.0.7/mjpeg"),
        f'site.toml:6: {GATE}, key url: "http://10.0.0.7/mjpeg" has the scheme http; '
        "allowed: rtsp://, rtsps:// or the path of a video file",
    ),
    (
        "file as a url",
        with_url("file:///srv/street.mp4"),
        f'site.toml:6: {GATE}, key url: "file:///srv/street.mp4" is not allowed; '
        "write the file's path alone, without file://",
    ),
    (
        "no host",
        with_url("rtsp:///101"),
        f'site.toml:6: {GATE}, key url: "rtsp:///101" names no host; '
        "allowed: a name or an address after ://",
    ),
    (
        "port out of range",
        with_url("rtsp://10.0.0.7:70000/101"),
        f"site.toml:6: {GATE}, key url: the port is 70000; allowed: a whole number from 1 to 65535",
    ),
    (
        "port that may be a password",
        with_url("rtsp://admin:hunter2/101"),
        f"site.toml:6: {GATE}, key url: the port is not a number; "
        "allowed: a whole number from 1 to 65535",
    ),
    (
        "space in the url",
        with_url("rtsp://10.0.0.7/live one"),
        f"site.toml:6: {GATE}, key url: holds a space or a control character",
    ),
    (
        "missing video",
        with_url("clips/street.mp4"),
        f"site.toml:6: {GATE}, key url: no such file clips/street.mp4",
    ),
    (
        "empty url",
        with_url(""),
        f"site.toml:6: {GATE}, key url: is not a path: empty, or with control characters",
    ),
    (
        "stream that begins again",
        CAMERA + "loop = true\nrealtime = false\n",
        f"site.toml:9: {GATE}, key loop: only a video file can begin again\n"
        f"site.toml:10: {GATE}, key realtime: only a video file can be read faster",
    ),
    (
        "rtsps over udp",
        with_url("rtsps://10.0.0.7/101") + 'transport = "udp"\n',
        f"site.toml:9: {GATE}, key transport: rtsps:// runs over TCP only; allowed: tcp",
    ),
    (
        "broker without a scheme",
        CAMERA + '[broker]\nurl = "broker.local:1883"\n',
        'site.toml:10: key broker.url: "broker.local:1883" is not allowed; '
        "allowed: mqtt://HOST:PORT or, encrypted, mqtts://HOST:PORT",
    ),
    (
        "broker over tcp://",
        CAMERA + '[broker]\nurl = "tcp://broker.local:1883"\n',
        'site.toml:10: key broker.url: "tcp://broker.local:1883" is not allowed; '
        "allowed: mqtt://HOST:PORT or, encrypted, mqtts://HOST:PORT",
    ),
    (
        "broker with a path",
        CAMERA + '[broker]\nurl = "mqtt://broker.local/edge"\n',
        'site.toml:10: key broker.url: "mqtt://broker.local/edge" has a path; '
        "topics are set with the key topic_root",
    ),
    (
        "broker's port zero",
        CAMERA + '[broker]\nurl = "mqtt://broker.local:0"\n',
        "site.toml:10: key broker.url: the port is 0; allowed: a whole number from 1 to 65535",
    ),
    (
        "plain connection to the encrypted port",
        CAMERA + '[broker]\nurl = "mqtt://h:8883"\n',
        'site.toml:10: key broker.url: "mqtt://h:8883" has the port of mqtts; '
        "allowed: mqtts://, or a port other than 8883",
    ),
    (
        "encrypted connection to the plain port",
        CAMERA + '[broker]\nurl = "mqtts://h:1883"\n',
        'site.toml:10: key broker.url: "mqtts://h:1883" has the port of mqtt; '
        "allowed: mqtt://, or a port other than 1883",
    ),
    (
        "certificates without encryption",
        CAMERA + '[broker]\nca_file = "site.toml"\n',
        "site.toml:10: key broker.ca_file: has no effect on an unencrypted connection; "
        'write url = "mqtts://…"',
    ),
    (
        "certificate without its key",
        CAMERA + '[broker]\nurl = "mqtts://h"\nclient_cert_file = "site.toml"\n',
        "site.toml:11: key broker.client_cert_file: needs client_key_file beside it",
    ),
    (
        "key without its certificate",
        CAMERA + '[broker]\nurl = "mqtts://h"\nclient_key_file = "site.toml"\n',
        "site.toml:11: key broker.client_key_file: needs client_cert_file beside it",
    ),
]

#: Files, places and shapes.
CONTENTS: list[tuple[str, str, str]] = [
    (
        "missing secret",
        CAMERA + 'username = "viewer"\npassword_file = "gate.password"\n',
        f"site.toml:10: {GATE}, key password_file: no such file gate.password",
    ),
    (
        "secret without a user name",
        CAMERA + 'password_file = "site.toml"\n',
        f"site.toml:9: {GATE}, key password_file: needs username beside it\n"
        f"site.toml:9: {GATE}, key password_file: site.toml holds more than one line; "
        "allowed: one line with the password",
    ),
    (
        "missing manifest",
        CAMERA + '[model]\nmanifest = "detector.toml"\n',
        "site.toml:10: key model.manifest: no such file detector.toml",
    ),
    (
        "folder for a manifest",
        CAMERA + '[model]\nmanifest = "."\n',
        "site.toml:10: key model.manifest: . is a directory, not a file",
    ),
    (
        "device for a manifest",
        CAMERA + '[model]\nmanifest = "/dev/zero"\n',
        "site.toml:10: key model.manifest: /dev/zero is not a regular file",
    ),
    (
        "file for a folder",
        'state_dir = "site.toml"\n' + MINIMAL,
        "site.toml:1: key state_dir: site.toml is not a directory",
    ),
    (
        "socket path too long",
        f'{MINIMAL}[service]\nstatus_socket = "/run/{"x" * 103}"\n',
        "site.toml:10: key service.status_socket: the path has 108 bytes; allowed: at most 107",
    ),
    (
        "camera id twice",
        MINIMAL + MINIMAL.partition("\n\n")[2],
        'site.toml:10: camera[2] gate-north, key id: "gate-north" is taken by line 5; '
        "each id must be unique",
    ),
    (
        "zone id twice",
        CAMERA
        + "[[camera.zones]]\n"
        + 'id = "door"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
        + "[[camera.zones]]\n"
        + 'id = "door"\npolygon = [[0, 0], [1, 0], [0, 1]]\n',
        f'site.toml:13: {GATE}, key zones[2].id: "door" is taken by line 10; '
        "each id must be unique",
    ),
    (
        "two points",
        with_polygon("[[0, 0], [1, 1]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon: a list of 2 is not allowed; allowed: {POINTS}",
    ),
    (
        "point outside the picture",
        with_polygon("[[0, 0],\n  [1, 0],\n  [0.5, 1.5]]"),
        f"site.toml:11: {GATE}, key zones[1].polygon[3][2]: 1.5 is not allowed; "
        "allowed: a number from 0 to 1",
    ),
    (
        "point of one number",
        with_polygon("[[0, 0], [1], [0.5, 1]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon[2]: [1] is not allowed; "
        "allowed: [x, y], each number from 0 to 1",
    ),
    (
        "bow tie",
        with_polygon("[[0, 0], [1, 1], [1, 0], [0, 1]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon: edges 1 and 3 cross or touch; "
        "list the corners in order around it",
    ),
    (
        "polygon folded onto itself",
        with_polygon("[[0, 0], [0.5, 0.5], [1, 1]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon: edges 1 and 3 cross or touch; "
        "list the corners in order around it",
    ),
    (
        "first point again",
        with_polygon("[[0, 0], [1, 0], [1, 1], [0, 0]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon: point 4 repeats point 1; "
        "the polygon closes by itself, leave it out",
    ),
    (
        "point twice",
        with_polygon("[[0, 0], [1, 0], [1, 0], [1, 1]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon: point 3 repeats point 2; leave it out",
    ),
    (
        "polygon too thin",
        with_polygon("[[0, 0], [1, 0], [0.5, 0.000001]]"),
        f"site.toml:9: {GATE}, key zones[1].polygon: the polygon has no area",
    ),
    (
        "mask that crosses itself",
        CAMERA
        + "ignore = [\n  [[0, 0], [1, 0], [1, 1]],\n  [[0, 0], [1, 1], [1, 0], [0, 1]],\n]\n",
        f"site.toml:11: {GATE}, key ignore[2]: edges 1 and 3 cross or touch; "
        "list the corners in order around it",
    ),
    (
        "least above most",
        CAMERA + "persons = { min_wh_norm = [0.5, 0.1], max_wh_norm = [0.2, 0.9] }\n",
        f"site.toml:9: {GATE}, key persons.min_wh_norm: "
        "the least width 0.5 is above the most, 0.2: nothing would count",
    ),
    (
        "score above one",
        CAMERA + "[camera.vehicles]\nmin_score = 40\n",
        f"site.toml:10: {GATE}, key vehicles.min_score: 40 is not allowed; "
        "allowed: a number from 0 to 1",
    ),
    (
        "stale before the batch is full",
        CAMERA + "[model.plan]\nwindow_ms = 80\nstaleness_ms = 60\n",
        "site.toml:10: key model.plan.window_ms: "
        "window_ms 80 is not below staleness_ms 60: no frame would do",
    ),
]

ROWS = [*FILES, *KEYS, *ADDRESSES, *CONTENTS]


@pytest.mark.parametrize(
    ("text", "answer"),
    [pytest.param(text, answer, id=name) for name, text, answer in ROWS],
)
def test_a_broken_file_is_answered_word_for_word(
    site_folder: Path, text: str | bytes, answer: str
) -> None:
    write_site(site_folder, text)
    lines = complaints(Path("site.toml"))
    assert "\n".join(lines) == answer
    assert "hunter2" not in answer


def test_all_problems_come_at_once_in_the_order_of_the_file(site_folder: Path) -> None:
    write_site(
        site_folder,
        'site = "old town"\n'
        'agent_id = "pi-1"\n'
        "[broker]\n"
        'url = "mqtt://h:8883"\n'
        "max_inflight = 100\n"
        "[[camera]]\n"
        'id = "a"\n'
        'url = "ftp://10.0.0.7/1"\n'
        'ring = "town"\n'
        'layer = "uav"\n'
        "[[camera]]\n"
        'id = "a"\n'
        'url = "rtsp://10.0.0.8/1"\n'
        "fps = 5\n",
    )
    lines = complaints(Path("site.toml"))
    starts = [line.split(": ")[0] + " " + line.split(": ")[1] for line in lines]
    assert starts == [
        "site.toml:1 key site",
        "site.toml:4 key broker.url",
        "site.toml:5 key broker.max_inflight",
        "site.toml:8 camera[1] a, key url",
        "site.toml:9 camera[1] a, key ring",
        "site.toml:11 camera[2] a, key ring",
        "site.toml:11 camera[2] a, key layer",
        "site.toml:12 camera[2] a, key id",
        "site.toml:14 camera[2] a, key fps",
    ]


def test_the_table_has_forty_rows_of_different_answers() -> None:
    assert len({answer for _, _, answer in ROWS}) >= 40
    assert len({name for name, _, _ in ROWS}) == len(ROWS)


def test_a_missing_file_a_folder_and_a_name_too_long(site_folder: Path) -> None:
    (site_folder / "conf.d").mkdir()
    assert complaints(Path("nowhere.toml")) == ["nowhere.toml: no such file"]
    assert complaints(Path("conf.d")) == [
        "conf.d: is a directory; give the file in it, such as site.toml"
    ]
    name = "x" * 300
    assert complaints(Path(name)) == [f"{name}: cannot be read: File name too long"]
    assert complaints(Path("a\0b")) == ["a\0b: is no name that a file can have"]


def test_a_byte_order_mark_and_windows_line_ends_are_taken(site_folder: Path) -> None:
    write_site(site_folder, b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert complaints(Path("site.toml")) == []
    write_site(site_folder, (MINIMAL + "target_fps = 120\n").replace("\n", "\r\n"))
    assert complaints(Path("site.toml"))[0].startswith("site.toml:9: ")
