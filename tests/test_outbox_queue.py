"""The queue before the outbox: merging loses no track and keeps the order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.deliver.event_queue import Batch, EventQueue, merge_updates, mergeable
from edge_agent.types import Event, EventKind
from tests.outbox_support import event

UPDATE, START, END = EventKind.UPDATE, EventKind.START, EventKind.END


def told(events: list[Event]) -> list[tuple[str | None, EventKind, list[int]]]:
    return [(e.camera_id, e.kind, [t.track_id for t in e.tracks]) for e in events]


def test_below_the_limit_nothing_is_merged() -> None:
    queue = EventQueue(3)
    for _ in range(3):
        assert queue.put(event(UPDATE, 1)) is None
    assert told(queue.take().events) == [("gate", UPDATE, [1])] * 3


def test_when_full_updates_of_one_camera_become_one_and_the_newest_report_wins() -> None:
    queue = EventQueue(2)
    queue.put(event(UPDATE, 1, 2, score=0.1))
    queue.put(event(UPDATE, 2, 3, score=0.2))
    queue.put(event(START, 9, camera="yard"))
    merged, other = queue.take().events
    assert told([merged, other]) == [("gate", UPDATE, [1, 2, 3]), ("yard", START, [9])]
    assert [t.score for t in merged.tracks] == [0.1, 0.2, 0.2]


def test_an_update_never_passes_its_cameras_start_or_end() -> None:
    queue = EventQueue(3)
    for each in (event(UPDATE, 1), event(END, 1), event(UPDATE, 2)):
        assert queue.put(each) is None
    refused = event(START, 3)
    assert queue.put(refused) is refused
    assert queue.put(event(UPDATE, 4)) is None  # joins the newest update
    batch = queue.take()
    assert told(batch.events) == [
        ("gate", UPDATE, [1]),
        ("gate", END, [1]),
        ("gate", UPDATE, [2, 4]),
    ]
    assert batch.lost == {START: 1}


def test_what_was_put_back_stands_before_the_rest_and_is_merged_down() -> None:
    queue = EventQueue(2)
    batch = Batch([event(START, 1), event(UPDATE, 1)])
    batch.lost[END] = 1
    queue.put(event(UPDATE, 2))
    queue.put_back(batch)
    again = queue.take()
    assert told(again.events) == [("gate", START, [1]), ("gate", UPDATE, [1, 2])]
    assert again.lost == {END: 1}
    assert not queue.take()


events = st.lists(
    st.builds(
        lambda kind, ids, camera: event(kind, *ids, camera=camera),
        st.sampled_from([UPDATE, UPDATE, UPDATE, START, END]),
        st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
        st.sampled_from(["a", "b"]),
    ),
    max_size=40,
)


@given(events, st.integers(1, 6))
def test_no_track_is_lost_and_order_is_kept(sent: list[Event], limit: int) -> None:
    """Per camera: events that are no updates stand as sent, and between two of them the
    updates tell the newest report of every track."""
    sent = [
        event(e.kind, *(t.track_id for t in e.tracks), camera=e.camera_id or "", score=i / 100)
        for i, e in enumerate(sent)
    ]
    queue = EventQueue(limit)
    dropped = [e for e in sent if queue.put(e) is not None]
    batch = queue.take()

    assert len(batch.events) <= limit
    assert batch.lost.total() == len(dropped)
    kept = [e for e in sent if e not in dropped]
    for camera in ("a", "b"):
        assert story(batch.events, camera) == story(kept, camera)


def story(events: list[Event], camera: str) -> list[object]:
    """Return a camera's events with each run of updates folded into newest reports."""
    told: list[object] = []
    run: dict[int, float] = {}
    for each in events:
        if each.camera_id != camera:
            continue
        if each.kind is UPDATE:
            run |= {track.track_id: track.score for track in each.tracks}
            continue
        told += [run, (each.kind, each.tracks)]
        run = {}
    return [*told, run]


def test_updates_of_different_pictures_are_not_merged() -> None:
    old, new = event(UPDATE, 1), event(UPDATE, 1)
    assert mergeable(old, new)
    assert merge_updates(old, new) == new
    assert not mergeable(old, replace(new, frame_wh=(320, 240)))
    assert not mergeable(old, replace(new, connection=2))
    assert not mergeable(old, replace(new, camera_id="yard"))
    assert not mergeable(event(START, 1), new)
