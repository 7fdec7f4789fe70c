"""One start, updates that say something, one end; whatever the tracks do."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.rules.lifecycle import CameraView, LifecycleState, end_tracks, step
from edge_agent.rules.path import MAX_POINTS, Path
from edge_agent.types import ClockSource, EndReason, Event, EventKind, Tracks
from tests.mot_support import (
    CAR,
    CLASSES,
    TRUCK,
    WALL_NS,
    Row,
    ScriptedTrack,
    box,
    detections,
    frame_ref,
    new_tracker,
    seconds,
    tracks,
    view,
)


@dataclass
class Camera:
    """The lifecycle of one camera and all it has told."""

    view: CameraView = field(default_factory=view)
    state: LifecycleState = field(default_factory=LifecycleState)
    events: list[Event] = field(default_factory=list)

    def step(self, after: Tracks) -> list[Event]:
        self.state, events = step(self.state, after, self.view)
        self.events += events
        return events

    def frame(
        self, pts_s: float, *rows: ScriptedTrack, connection: int = 1, removed: Sequence[int] = ()
    ) -> list[Event]:
        return self.step(tracks(frame_ref(pts_s, connection=connection), rows, removed))

    def end(self, ids: Sequence[int] | None, reason: EndReason) -> list[Event]:
        self.state, events = end_tracks(
            self.state, ids, reason, self.view, wall_ns=WALL_NS + 1, time_trusted=False
        )
        self.events += events
        return events

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]


def row(track_id: int = 1, x: float = 320, **changes: object) -> ScriptedTrack:
    return ScriptedTrack(track_id, centre=(x, 180.0), **changes)  # type: ignore[arg-type]


START, UPDATE, END = EventKind.START, EventKind.UPDATE, EventKind.END


def test_an_unconfirmed_track_says_nothing_neither_at_its_end() -> None:
    camera = Camera()
    camera.frame(0.0, row(confirmed=False))
    camera.frame(0.2, row(confirmed=False))
    camera.frame(0.4, removed=[1])
    assert camera.events == []


def test_a_start_carries_the_frame_the_camera_and_the_track() -> None:
    camera = Camera()
    camera.frame(1.0, row(confirmed=False, first_pts_s=1.0))
    (event,) = camera.frame(1.2, row(first_pts_s=1.0, class_id=TRUCK, score=0.75))
    ref = frame_ref(1.2)
    assert (event.kind, event.severity) == (START, camera.view.severity)
    assert (event.camera_id, event.ring, event.layer) == ("gate", view().ring, view().layer)
    assert (event.wall_ns, event.mono_ns, event.pts_ns) == (ref.wall_ns, ref.mono_ns, ref.pts_ns)
    assert (event.clock_source, event.time_trusted) == (ClockSource.RTCP, True)
    assert (event.connection, event.frame_wh, event.model_id) == (1, (640, 360), "yolox_nano")
    (report,) = event.tracks
    assert (report.track_id, report.object_class) == (1, CLASSES[TRUCK])
    assert report.score == pytest.approx(0.75)
    assert report.xyxy_px == pytest.approx((300, 140, 340, 220), abs=1e-3)
    assert report.first_wall_ns == frame_ref(1.0).wall_ns  # first seen, not confirmed
    assert (report.duration_s, report.path_norm, report.end_reason) == (None, None, None)


def test_each_start_is_an_event_of_its_own() -> None:
    events = Camera().frame(0.0, row(1), row(2, x=100), row(3, x=500, confirmed=False))
    assert [(e.kind, [t.track_id for t in e.tracks]) for e in events] == [
        (START, [1]),
        (START, [2]),
    ]


def test_moving_tracks_share_one_update_every_update_s() -> None:
    camera = Camera()
    for t in seconds(0, 5.1):
        camera.frame(t, row(1, x=100 + 20 * t), row(2, x=300 + 20 * t))
    updates = [e for e in camera.events if e.kind is UPDATE]
    assert [e.pts_ns for e in updates] == [1_000_000_000 * k for k in range(1, 6)]
    assert all([t.track_id for t in e.tracks] == [1, 2] for e in updates)


def test_a_grid_that_rounds_down_does_not_stretch_the_interval() -> None:
    camera = Camera()
    for k in range(30):
        camera.frame((k * 166_666_666) / 1e9, row(x=100 + 5 * k))  # 6 fps
    gaps = np.diff([e.pts_ns for e in camera.events if e.pts_ns is not None])
    assert set(gaps.tolist()) == {6 * 166_666_666}


def test_a_track_that_starts_in_a_quiet_camera_gets_its_first_update_after_update_s() -> None:
    camera = Camera()
    camera.frame(0.0, row(1))
    camera.frame(0.2, removed=[1])
    for t in seconds(60, 61.3):
        camera.frame(t, row(2, x=100 + 10 * (t - 60)))
    assert [(e.kind, e.pts_ns) for e in camera.events[2:]] == [
        (START, 60_000_000_000),
        (UPDATE, 61_000_000_000),
    ]


def test_a_coasting_track_is_not_told_again() -> None:
    camera = Camera()
    camera.frame(0.0, row())
    for t in seconds(0.2, 5):
        camera.frame(t, row(matched=False, last_pts_s=0.0))
    assert camera.kinds() == [START]


def test_a_stationary_track_is_told_at_the_flip_and_then_rarely() -> None:
    camera = Camera(view(stationary_update_s=60))
    rng = np.random.default_rng(1)
    for t in seconds(0, 200):
        x = 320 + float(rng.normal(0, 2))
        camera.frame(t, row(x=x, stationary=t >= 10))
    told = [e.pts_ns / 1e9 for e in camera.events if e.pts_ns and e.kind is UPDATE]
    assert told[:10] == pytest.approx([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert told[10:] == pytest.approx([70, 130, 190])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stationary": True}, lambda t: t.stationary),
        ({"class_id": TRUCK}, lambda t: t.object_class == CLASSES[TRUCK]),
        ({"x": 100.0}, lambda t: t.zones == ("west",)),
    ],
    ids=["stationary", "class", "zone"],
)
def test_a_change_is_told_at_once_with_that_track_alone(change: dict, says) -> None:
    west = ("west", ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0)))
    camera = Camera(view(zones=(west,)))
    camera.frame(0.0, row(1), row(2, x=500))
    (event,) = camera.frame(0.2, row(1, **change), row(2, x=500))
    assert event.kind is UPDATE
    assert [t.track_id for t in event.tracks] == [1]
    assert says(event.tracks[0])
    assert camera.frame(0.4, row(1, **change), row(2, x=500)) == []
    periodic = camera.frame(1.0, row(1, **change), row(2, x=500))
    assert [e.kind for e in periodic] == [UPDATE]  # the rhythm of the others is not disturbed


def test_zones_may_overlap_and_hold_the_anchor_point_not_the_centre() -> None:
    left = ("left", ((0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0)))
    low = ("low", ((0.0, 0.55), (1.0, 0.55), (1.0, 1.0), (0.0, 1.0)))
    high = ("high", ((0.0, 0.0), (1.0, 0.0), (1.0, 0.55), (0.0, 0.55)))
    (event,) = Camera(view(zones=(left, low, high))).frame(0.0, row())
    assert event.tracks[0].zones == ("left", "low")


def test_jitter_on_a_zones_border_is_told_once() -> None:
    west = ("west", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    camera = Camera(view(zones=(west,), update_s=3600))
    rng = np.random.default_rng(3)
    for t in seconds(0, 60):
        camera.frame(t, row(x=320 + float(rng.normal(0, 0.8))))
    assert camera.kinds() in ([START], [START, UPDATE])
    for t in seconds(60, 61):
        camera.frame(t, row(x=300))
    for t in seconds(61, 62):
        camera.frame(t, row(x=345))
    assert [e.tracks[0].zones for e in camera.events][-2:] == [("west",), ()]


def test_an_end_tells_duration_best_score_way_and_last_box() -> None:
    camera = Camera()
    for k, t in enumerate(seconds(10, 14)):
        score = 0.9 if k == 5 else 0.6
        camera.frame(t, row(x=100 + 20 * k, first_pts_s=9.6, score=score))
    camera.frame(14.0, row(x=500, matched=False, first_pts_s=9.6, last_pts_s=13.8))
    (event,) = camera.frame(14.2, removed=[1])
    (report,) = event.tracks
    assert (event.kind, report.end_reason) == (END, EndReason.LEFT)
    assert report.duration_s == pytest.approx(4.2)
    assert report.best_score == pytest.approx(0.9)
    assert report.xyxy_px == pytest.approx((460, 140, 500, 220), abs=1e-3)
    assert report.path_norm is not None
    assert 3 <= len(report.path_norm) <= MAX_POINTS
    assert report.path_norm[0] == pytest.approx((100 / 640, 220 / 360))
    assert report.path_norm[-1] == pytest.approx((480 / 640, 220 / 360))


def test_a_track_unseen_since_the_connection_began_ends_as_camera_lost() -> None:
    camera = Camera()
    camera.frame(0.0, row(1), row(2, x=100))
    camera.frame(20.0, row(1, matched=False, last_pts_s=0.0), row(2, x=100), connection=2)
    events = camera.frame(25.0, connection=2, removed=[1, 2])
    assert [(e.tracks[0].track_id, e.tracks[0].end_reason) for e in events] == [
        (1, EndReason.CAMERA_LOST),
        (2, EndReason.LEFT),
    ]


def test_tracks_end_outside_of_a_frame_with_the_agents_time() -> None:
    camera = Camera()
    camera.frame(1.0, row(1), row(2, x=100), row(3, x=500, confirmed=False))
    (event,) = camera.end([2, 3, 99], EndReason.CAMERA_LOST)
    assert [t.track_id for t in event.tracks] == [2]
    assert event.tracks[0].end_reason is EndReason.CAMERA_LOST
    assert (event.wall_ns, event.time_trusted) == (WALL_NS + 1, False)
    assert (event.clock_source, event.mono_ns) == (ClockSource.ARRIVAL, None)
    assert (event.pts_ns, event.connection) == (1_000_000_000, 1)
    (event,) = camera.end(None, EndReason.AGENT_STOPPED)
    assert [t.track_id for t in event.tracks] == [1]
    assert camera.end(None, EndReason.AGENT_STOPPED) == []


def test_an_ended_track_that_is_still_in_the_rows_stays_ended() -> None:
    camera = Camera()
    camera.frame(0.0, row(1))
    camera.end(None, EndReason.CAMERA_LOST)
    for t in seconds(0.2, 3):
        assert camera.frame(t, row(1)) == []
    assert camera.frame(3.0, removed=[1]) == []
    assert [e.kind for e in camera.frame(3.2, row(2))] == [START]


def test_ending_in_a_camera_that_never_saw_a_frame_is_silent() -> None:
    assert Camera().end(None, EndReason.AGENT_STOPPED) == []


def test_boxes_told_lie_within_the_picture() -> None:
    (event,) = Camera().frame(0.0, row(x=635))
    assert event.tracks[0].xyxy_px == pytest.approx((615, 140, 640, 220), abs=1e-3)


# The parked car: tracker and lifecycle together.


def test_a_parked_car_starts_once_and_an_outage_starts_no_flood() -> None:
    camera, tracker = Camera(view(stationary_update_s=60)), new_tracker(stationary_hold_s=300)
    rng = np.random.default_rng(5)

    def frame(pts_s: float, connection: int) -> None:
        rows: list[Row] = []
        for n in range(6):
            if rng.random() > 0.05:
                jitter = rng.normal(0, 1.5, 4)
                cx, cy = 60 + 100 * n + jitter[0], 200 + jitter[1]
                rows.append(
                    box(cx, cy, 80 + jitter[2], 45 + jitter[3], float(rng.uniform(0.3, 0.9)))
                )
        ref = frame_ref(pts_s, connection=connection)
        camera.step(tracker.step(detections(ref, rows)))

    for t in seconds(0, 100):
        frame(t, 1)
    lost = tracker.lose_moving().tolist()
    assert camera.end(lost, EndReason.CAMERA_LOST) == []
    for t in seconds(120, 300):
        frame(t, 2)
    kinds = Counter(kind for kind in camera.kinds())
    assert kinds[START] == 6
    assert kinds[END] == 0
    rare = Counter(
        t.track_id for e in camera.events if e.kind is UPDATE and e.pts_ns > 15e9 for t in e.tracks
    )
    assert set(rare) == set(range(1, 7))
    assert all(4 <= count <= 5 for count in rare.values()), rare  # every 60 s of 285
    assert camera.end(tracker.clear().tolist(), EndReason.AGENT_STOPPED) != []
    assert Counter(camera.kinds())[END] == 6


def test_cars_that_drove_off_during_the_outage_end_as_camera_lost() -> None:
    camera, tracker = Camera(), new_tracker(coast_s=1.0, stationary_hold_s=300)
    for t in seconds(0, 15):
        camera.step(tracker.step(detections(frame_ref(t), [box(300, 200, 90, 50)])))
    camera.end(tracker.lose_moving().tolist(), EndReason.CAMERA_LOST)
    for t in seconds(35, 50):
        camera.step(tracker.step(detections(frame_ref(t, connection=2))))
    assert camera.events[-1].kind is END
    assert camera.events[-1].tracks[0].end_reason is EndReason.CAMERA_LOST
    assert camera.events[-1].tracks[0].duration_s == pytest.approx(14.8)


# Properties over any sequence of tracks.

moves = st.lists(
    st.tuples(
        st.sampled_from([0.04, 0.2, 1.0, 30.0]),  # s since the frame before
        st.lists(st.sampled_from(["new", "gone", "flip", "move", "miss", "class"]), max_size=5),
        st.sampled_from(["", "", "", "reconnect", "lose", "end all", "no name"]),
    ),
    max_size=40,
)


def play(camera: Camera, script: list, seed: int) -> None:
    """Let `script` happen: a tracker gone mad, but one whose ids rise and never come back."""
    rng = np.random.default_rng(seed)
    alive: dict[int, ScriptedTrack] = {}
    newest, pts_s, connection = 0, 1.0, 1
    for gap, acts, outside in script:
        pts_s += gap
        removed = []
        for act in acts:
            if act == "new":
                newest += 1
                alive[newest] = ScriptedTrack(newest, first_pts_s=pts_s, confirmed=False)
            elif alive:
                track_id = int(rng.choice(list(alive)))
                one = alive[track_id]
                if act == "gone":
                    del alive[track_id]
                    removed.append(track_id)
                elif act == "flip":
                    one.stationary = not one.stationary
                elif act == "class":
                    one.class_id = CAR if one.class_id == TRUCK else TRUCK
                elif act == "move":
                    one.centre = (float(rng.uniform(0, 640)), float(rng.uniform(0, 360)))
                one.confirmed |= act != "miss"
                one.matched = act != "miss"
                one.last_pts_s = pts_s if one.matched else one.first_pts_s
        if outside == "reconnect":
            connection += 1
        elif outside == "lose":
            lost = [i for i, one in alive.items() if not one.stationary]
            camera.end(lost, EndReason.CAMERA_LOST)
            for track_id in lost:
                alive.pop(track_id)
        elif outside == "end all":
            camera.end(None, EndReason.CAMERA_LOST)
        shown = [] if outside == "no name" else removed
        camera.frame(pts_s, *alive.values(), connection=connection, removed=shown)
    camera.end(None, EndReason.AGENT_STOPPED)


ZONED = view(zones=(("west", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))),))


@given(moves, st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_every_id_starts_once_then_is_told_then_ends_once(script: list, seed: int) -> None:
    camera = Camera(ZONED)
    play(camera, script, seed)
    life: dict[int, list[EventKind]] = defaultdict(list)
    for event in camera.events:
        assert event.tracks
        assert len(event.tracks) == 1 or event.kind is UPDATE
        for report in event.tracks:
            life[report.track_id].append(event.kind)
            assert (report.end_reason is not None) == (event.kind is END)
    for told in life.values():
        assert told[0] is START
        assert told[-1] is END
        assert set(told[1:-1]) <= {UPDATE}


@given(moves, st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_updates_come_once_a_frame_and_never_without_news(script: list, seed: int) -> None:
    camera = Camera(ZONED)
    play(camera, script, seed)
    updates = [e for e in camera.events if e.kind is UPDATE]
    assert len({e.pts_ns for e in updates}) == len(updates)
    told: dict[int, tuple[int, object]] = {}
    plain = -1_000_000_000  # pts of the last update in which nothing had changed
    for event in camera.events:
        assert event.pts_ns is not None
        news = False
        for report in event.tracks:
            says = (report.object_class, report.stationary, report.zones)
            pts_ns, said = told.get(report.track_id, (0, None))
            news |= says != said
            if event.kind is UPDATE and says == said and report.stationary:
                assert event.pts_ns - pts_ns >= 180e9
            told[report.track_id] = (event.pts_ns, says)
        if event.kind is UPDATE and not news:
            assert event.pts_ns - plain >= 0.99e9
            plain = event.pts_ns


@given(moves, moves, st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_the_same_tracks_give_the_same_events_whatever_other_cameras_do(
    mine: list, theirs: list, seed: int
) -> None:
    alone, beside, other = Camera(ZONED), Camera(ZONED), Camera(ZONED)
    play(alone, mine, seed)
    play(other, theirs, seed + 1)
    play(beside, mine, seed)
    assert alone.events == beside.events


points = st.lists(
    st.tuples(st.floats(0, 1, allow_nan=False), st.floats(0, 1, allow_nan=False)), max_size=300
)


@given(points)
@settings(max_examples=200, deadline=None)
def test_a_path_is_bounded_and_keeps_its_ends_and_shape(way: list[tuple[float, float]]) -> None:
    path = Path()
    for point in way:
        path.add(point)
    summary = path.summary()
    assert len(summary) <= MAX_POINTS
    assert summary[:1] == tuple(way[:1])
    assert summary[-1:] == tuple(way[-1:])
    for x, y in way:  # a coarse path still passes near each point
        assert min(np.hypot(x - a, y - b) for a, b in summary) <= 2 * path.stride


def test_a_straight_way_is_kept_evenly_and_a_corner_stays() -> None:
    path = Path()
    for k in range(400):
        path.add((k / 400, 0.2) if k < 200 else (0.5, 0.2 + (k - 200) / 400))
    summary = np.array(path.summary())
    assert len(summary) >= MAX_POINTS // 2
    assert np.hypot(*(summary - (0.5, 0.2)).T).min() < 0.07
    steps = np.hypot(*np.diff(summary, axis=0).T)
    assert steps.max() < 3 * np.median(steps)
