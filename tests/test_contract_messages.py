"""Messages on the wire: what is encoded is exactly what the models say."""

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from edge_agent.contract import (
    encode_agent_state,
    encode_camera_state,
    encode_event,
    parse_message,
    wall_text,
)
from edge_agent.contract.topics import (
    agent_state_filter,
    camera_state_filter,
    event_filter,
    gaps_filter,
)
from edge_agent.types import CameraState, Envelope, Event, EventKind, Ring, Severity
from tests.outbox_support import WALL_NS, event
from tests.rules_support import RULE_DATA

ENVELOPE = Envelope("e-1", "town-gate", "riverside", "boot-1", "stream-1", 7)

AGENT_DATA = {
    EventKind.BIRTH: {"version": "0.1.0"},
    EventKind.STOP: {},
    EventKind.LOAD_CHANGE: {
        "level": 1,
        "levels": 9,
        "step": "updates",
        "reason": "the lanes are busy 98% of the time",
        "heat": "none",
        "thinned_cameras": [],
    },
    EventKind.STATS: {
        "from_wall_ns": 1_795_478_400_000_000_000,
        "from_time": "2026-11-24T00:00:00.000000Z",
        "until_wall_ns": 1_795_478_460_000_000_000,
        "until_time": "2026-11-24T00:01:00.000000Z",
        "site": {"person": 2, "vehicle": 1},
        "rings": {"rural": {"person": 2, "vehicle": 1}},
        "cameras": [
            {
                "camera_id": "gate",
                "ring": "rural",
                "counts": {"person": 2, "vehicle": 1},
                "zones": {"door": {"person": 1, "vehicle": 0}},
            }
        ],
    },
    EventKind.STREAM_START: {"reason": "corrupt", "set_aside": "outbox.corrupt.db"},
    EventKind.LOST_BEFORE_COMMIT: {"count": 3, "by_kind": {"update": 3}},
    EventKind.GAP: {"ranges": [{"first_seq": 1, "last_seq": 9, "reason": "bounds"}], "count": 9},
}
CAMERA_DATA = {
    EventKind.CAMERA_FAULT: {
        "word": "dark",
        "text": "the picture is dark",
        "standing": True,
        "state": "live",
        "reason": "the picture is dark",
    },
    EventKind.RING_CHANGE: {
        "from": "urban",
        "to": "suburban",
        "reason": "crossed",
        "position": {"lat": 31.23, "lon": 121.47, "accuracy_m": 5.5, "age_s": 0.0},
    },
}
#: Of families that tell one track.
TRACK_DATA = {
    EventKind.QUIET_HOURS: {"hours": "22:00 to 06:00", "seen_s": 0.4},
    EventKind.PERIMETER: {
        "perimeter": "depot",
        "way": "inward",
        "from": None,
        "to": "control",
        "rank": 1,
        "ranks": 3,
        "overall_rank": 2,
        "reason": "moved",
        "path_norm": [[0.1, 0.9], [0.2, 0.8]],
    },
}


def example(kind: EventKind) -> Event:
    """Return an event of each kind as the parts of the agent make it."""
    if kind in AGENT_DATA:
        return Event(kind, Severity.NOTICE, WALL_NS, True, data=AGENT_DATA[kind])
    if kind in (EventKind.START, EventKind.UPDATE, EventKind.END):
        return event(kind, 1, 2)
    if kind in TRACK_DATA:
        return replace(event(kind), data=TRACK_DATA[kind], grid="R01C02")
    if kind in RULE_DATA:
        data = {"rule": "r-1", "left_out": 0, **RULE_DATA[kind]}
        if kind is EventKind.TAMPER:
            return replace(event(kind), tracks=(), frame_wh=None, data={**data, "zone": None})
        where = {} if kind is EventKind.CROSSING else {"zone": "yard"}
        return replace(event(kind), data={**data, **where})
    data = CAMERA_DATA.get(kind, {"reason": "no frame for 10.0 s"})
    return replace(event(kind), tracks=(), frame_wh=None, data=data)


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_says_exactly_what_its_model_holds(kind: EventKind) -> None:
    topic, payload = encode_event(example(kind), ENVELOPE)

    message = parse_message(topic, payload)

    assert message.kind == kind
    assert message.model_dump(mode="json", by_alias=True) == json.loads(payload)


def test_states_say_exactly_what_their_models_hold() -> None:
    will = encode_agent_state(ENVELOPE, online=False, reason="vanished", version="0.1.0")
    alive = encode_agent_state(
        ENVELOPE,
        online=True,
        reason="running",
        version="0.1.0",
        first_seq=1,
        last_seq=9,
        wall_ns=WALL_NS,
        time_trusted=True,
        data={"cameras": 4},
    )
    camera = encode_camera_state(
        ENVELOPE,
        "gate",
        {"state": CameraState.LIVE, "ring": Ring.URBAN, "fps": 25},
        wall_ns=WALL_NS,
        time_trusted=True,
    )
    for topic, payload in (will, alive, camera):
        message = parse_message(topic, payload)
        assert message.model_dump(mode="json", by_alias=True) == json.loads(payload)
    assert will[0] == alive[0] == "edge/v1/riverside/town-gate/state"
    assert camera[0] == "edge/v1/riverside/town-gate/cameras/gate/state"
    assert json.loads(camera[1])["data"] == {"fps": 25}
    assert "seq" not in json.loads(will[1])
    assert json.loads(will[1])["boot_id"] == "boot-1"


def test_topics_are_those_of_the_design() -> None:
    topics = {kind: encode_event(example(kind), ENVELOPE)[0] for kind in EventKind}

    branch = "edge/v1/riverside/town-gate"
    assert topics[EventKind.START] == f"{branch}/events/info/suburban/checkpoint/gate/start"
    assert topics[EventKind.BIRTH] == f"{branch}/events/notice/-/-/-/birth"
    assert topics[EventKind.GAP] == f"{branch}/gaps"
    assert topics[EventKind.STATS] == f"{branch}/events/notice/-/-/-/stats"
    assert encode_event(example(EventKind.END), ENVELOPE, root="a/b/c")[0].startswith("a/b/c/river")


def test_filters_find_what_the_design_promises() -> None:
    assert (
        event_filter("edge/v1", ring="suburban", layer="checkpoint", kind="passage")
        == "edge/v1/+/+/events/+/suburban/checkpoint/+/passage"
    )
    assert event_filter("edge/v1", severity="critical") == "edge/v1/+/+/events/critical/+/+/+/+"
    assert gaps_filter("edge/v1") == "edge/v1/+/+/gaps"
    assert agent_state_filter("edge/v1") == "edge/v1/+/+/state"
    assert camera_state_filter("edge/v1") == "edge/v1/+/+/cameras/+/state"


def test_numbers_are_rounded_and_coordinates_stay_within_the_picture() -> None:
    outside = replace(event().tracks[0], xyxy_px=(-3.21, 20.06, 700.04, 479.96), score=0.87651)

    _, payload = encode_event(replace(event(), tracks=(outside,)), ENVELOPE)

    track = json.loads(payload)["tracks"][0]
    assert track["xyxy_px"] == [-3.2, 20.1, 700.0, 480.0]
    assert track["xyxy_norm"] == [0.0, 0.04179, 1.0, 0.99992]
    assert track["score"] == 0.877


def test_only_an_end_tells_a_tracks_life() -> None:
    _, update = encode_event(event(EventKind.UPDATE), ENVELOPE)
    _, end = encode_event(event(EventKind.END), ENVELOPE)

    life = {"duration_s", "best_score", "path_norm", "end_reason"}
    assert not life & json.loads(update)["tracks"][0].keys()
    track = json.loads(end)["tracks"][0]
    assert track["duration_s"] == 12.346
    assert track["path_norm"] == [[0.1, 0.2], [0.12346, 1.0]]
    assert track["end_reason"] == "left"


def test_numpy_values_and_read_only_mappings_are_told_as_json() -> None:
    data = MappingProxyType({"mean": np.float32(0.5), "counts": np.arange(3), "text": "城郊"})
    _, payload = encode_event(replace(example(EventKind.CAMERA_LOST), data=data), ENVELOPE)

    assert json.loads(payload)["data"] == {"mean": 0.5, "counts": [0, 1, 2], "text": "城郊"}
    assert "城郊".encode() in payload


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (replace(event(), frame_wh=None), "no frame size"),
        (replace(event(), tracks=(replace(event().tracks[0], score=float("nan")),)), "no number"),
    ],
)
def test_an_event_that_cannot_be_told_is_refused(broken: Event, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encode_event(broken, ENVELOPE)


@pytest.mark.parametrize(
    ("wall_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_795_478_400_123_456_789, "2026-11-24T00:00:00.123456Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_wall_time_is_iso_8601_in_utc(wall_ns: int, text: str) -> None:
    assert wall_text(wall_ns) == text


@pytest.mark.parametrize(
    ("topic", "payload", "words"),
    [
        ("other/x/y/state", b"{}", "not one of an agent under edge/v1"),
        ("edge/v1/a/b/statistics", b"{}", "none that this version knows"),
        ("edge/v1/a/b/gaps", b"[", "message on edge/v1/a/b/gaps: payload: Invalid JSON"),
        ("edge/v1/a/b/gaps", b'{"kind":"gap"}', "schema_version: Field required"),
        ("edge/v1/a/b/state", b"{}", "schema_version: Field required"),
    ],
)
def test_a_message_that_is_none_of_ours_is_refused(topic: str, payload: bytes, words: str) -> None:
    with pytest.raises(ValueError, match="edge/v1") as refused:
        parse_message(topic, payload)
    assert words in str(refused.value)


def test_a_field_of_a_later_version_is_ignored() -> None:
    topic, payload = encode_event(event(), ENVELOPE)
    later = json.loads(payload) | {"speed_kmh": 42}

    assert parse_message(topic, json.dumps(later).encode()).seq == 7
