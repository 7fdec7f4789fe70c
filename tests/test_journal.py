"""The tracks that the agent keeps: what comes back, what a power cut leaves, what is removed."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from edge_agent.clock import BUILD_WALL_NS, ManualClock
from edge_agent.errors import UsageError
from edge_agent.journal import Head, KeptBoot, KeptChange, KeptMove, TrackJournal, open_recording
from edge_agent.journal.segments import list_segments
from edge_agent.settings import JournalSettings
from edge_agent.types import (
    CameraChange,
    CameraState,
    ClockSource,
    EventKind,
    FrameRef,
    ObjectClass,
    Position,
    Tracks,
)

CLASSES = (ObjectClass("person"), ObjectClass("vehicle", "car"))
HEAD = Head("boot-1", "a-model", ("yard", "gate"), CLASSES)
S = 1_000_000_000


def tracks(
    frame: int = 0,
    boxes: list[tuple[float, float, float, float]] | None = None,
    *,
    camera: str = "yard",
    wall_ns: int = BUILD_WALL_NS,
    coasting: tuple[int, ...] = (),
) -> Tracks:
    """Return a frame with a track a box; track n is coasting where n is in `coasting`."""
    boxes = [(100, 50, 140, 170)] if boxes is None else boxes
    n, pts_ns = len(boxes), frame * S // 5 + 7
    ref = FrameRef(
        camera, 3, frame, pts_ns, 11, wall_ns + frame * S // 5, ClockSource.RTCP, True,
        (1920, 1080), 5, False,
    )  # fmt: skip
    det_row = np.arange(n, dtype=np.int32)
    det_row[list(coasting)] = -1
    return Tracks(
        ref=ref,
        track_id=np.arange(1, n + 1, dtype=np.int64) + 70_000,
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        class_id=np.arange(n, dtype=np.int32) % 2,
        score=np.linspace(0.4, 0.95, n, dtype=np.float32),
        det_row=det_row,
        confirmed=np.arange(n) % 2 == 0,
        stationary=np.arange(n) % 3 == 0,
        first_pts_ns=np.arange(n, dtype=np.int64) * 3,
        last_pts_ns=np.where(det_row < 0, pts_ns - 400_000_003, pts_ns).astype(np.int64),
        removed_id=np.array([5, 9], np.int64)[: n % 3],
    )


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while Kept.opened:
        Kept.opened.pop().stop(1)


class Kept:
    """A journal in a folder, on a clock that is moved by hand; its thread is never started."""

    opened: ClassVar[list[TrackJournal]] = []

    def __init__(self, folder: Path, head: Head = HEAD, **settings: float | bool) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.journal = TrackJournal(
            JournalSettings(**settings), folder=folder, head=head, clock=self.clock
        )
        self.opened.append(self.journal)

    def write(self, *kept: Tracks | CameraChange) -> None:
        for one in kept:
            if isinstance(one, Tracks):
                self.journal.frame_tracked(one)
            else:
                self.journal.camera_changed(one)
        self.journal.turn(at_once=True)

    def hour(self, frames: int = 200, boxes: int = 40) -> None:
        """Write a segment's worth of a busy hour, and let the hour pass."""
        rng = np.random.default_rng(frames)
        wall_ns = self.clock.wall_ns()
        for frame in range(frames):
            made = [tuple(rng.uniform(0, 1000, 4)) for _ in range(boxes)]
            self.journal.frame_tracked(tracks(frame, made, wall_ns=wall_ns))
        self.journal.turn(at_once=True)
        self.clock.advance(3601)

    def numbers(self) -> list[int]:
        return [segment.number for segment in list_segments(self.folder)]

    def frames(self) -> list[Tracks]:
        return [k for k in open_recording(self.folder).read() if isinstance(k, Tracks)]


def test_a_frame_comes_back_with_exact_times_and_ids_and_boxes_to_a_tenth_of_a_pixel(
    tmp_path: Path,
) -> None:
    wrote = [
        tracks(0, []),
        tracks(1, [(10.3, 20.6, 55.1, 99.9), (-300, -200, 100, 1500), (1900, 1000, 2200, 1300)]),
        tracks(2, [(1, 2, 3, 4), (5, 6, 7, 8)], coasting=(1,)),
    ]
    kept = Kept(tmp_path)
    kept.write(*wrote)
    for a, b in zip(wrote, kept.frames(), strict=True):
        assert b.ref == replace(a.ref, mono_ns=a.ref.wall_ns)
        for name in ("track_id", "class_id", "confirmed", "stationary", "first_pts_ns",
                     "last_pts_ns", "removed_id"):  # fmt: skip
            assert getattr(a, name).tolist() == getattr(b, name).tolist(), name
        assert (a.det_row < 0).tolist() == (b.det_row < 0).tolist()
        assert a.xyxy == pytest.approx(b.xyxy, abs=0.06)
        assert a.score == pytest.approx(b.score, abs=0.002)


def test_what_is_kept_is_told_in_bytes_age_and_frames(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_mb=5)
    assert kept.journal.snapshot() == {
        "bytes": 0, "max_bytes": 5_000_000, "oldest_s": None, "frames": 0, "frames_s": 0.0,
        "lost": 0,
    }  # fmt: skip
    kept.clock.advance(10)
    kept.write(*(tracks(frame) for frame in range(50)))
    kept.clock.advance(20)
    told = kept.journal.snapshot()
    on_disk = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert (told["bytes"], told["frames"], told["frames_s"]) == (on_disk, 50, 5.0)
    assert told["oldest_s"] == 30  # of the frames' own time, before the clock went on
    kept.clock.advance(3600)
    kept.write(tracks(0, wall_ns=kept.clock.wall_ns()))  # another segment
    told = kept.journal.snapshot()
    assert told["bytes"] == sum(file.stat().st_size for file in tmp_path.iterdir()) > on_disk
    assert told["oldest_s"] == 3630


def test_removed_tracks_make_the_oldest_younger(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_age_h=2)
    for _ in range(5):
        kept.hour(frames=2)
    kept.journal.turn(at_once=True)
    assert 3600 < kept.journal.snapshot()["oldest_s"] <= 3 * 3601


def test_a_box_far_outside_is_kept_at_half_a_picture_beyond_the_edge(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(tracks(0, [(-5000, -5000, 9000, 9000)]))
    assert kept.frames()[0].xyxy[0].tolist() == pytest.approx([-960, -540, 2880, 1620], abs=0.1)


def test_a_change_of_a_camera_is_kept_in_order_with_its_frames(tmp_path: Path) -> None:
    lost = CameraChange(
        "yard", EventKind.CAMERA_LOST, CameraState.LOST, "no answer", 3, 9, {"tries": 2}
    )
    kept = Kept(tmp_path)
    kept.write(tracks(0), lost, tracks(1))
    boot, first, change, second = open_recording(tmp_path).read()
    assert (boot, type(first), type(second)) == (KeptBoot("boot-1", BUILD_WALL_NS), Tracks, Tracks)
    assert isinstance(change, KeptChange)
    assert change.change == replace(lost, mono_ns=change.wall_ns)


def test_where_a_camera_was_is_kept_to_the_last_digit(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for accuracy in (None, 2.5):
        kept.journal.camera_moved("gate", Position(30.123456789, -120.987654321, 5, accuracy))
    kept.write()
    moves = [k for k in open_recording(tmp_path).read() if isinstance(k, KeptMove)]
    assert [(m.camera_id, m.position) for m in moves] == [
        ("gate", Position(30.123456789, -120.987654321, BUILD_WALL_NS, accuracy))
        for accuracy in (None, 2.5)
    ]


def test_a_reader_gets_only_the_cameras_and_the_time_that_it_asks_for(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for frame in range(0, 500, 50):  # a block each, ten seconds apart
        kept.write(tracks(frame), tracks(frame, camera="gate"))
    recording = open_recording(tmp_path)
    since, until = BUILD_WALL_NS + 10 * S, BUILD_WALL_NS + 30 * S
    found = [k for k in recording.read(since, until, {"gate"}) if isinstance(k, Tracks)]
    assert [(t.ref.camera_id, t.ref.index) for t in found] == [
        ("gate", 50), ("gate", 100), ("gate", 150),
    ]  # fmt: skip
    assert recording.span_ns() == (BUILD_WALL_NS, BUILD_WALL_NS + 90 * S)


def test_processes_are_told_apart_and_other_class_tables_mean_the_same(tmp_path: Path) -> None:
    Kept(tmp_path).write(tracks(0, [(1, 2, 3, 4), (5, 6, 7, 8)]))
    other = Head("boot-2", "b-model", ("gate", "yard"), CLASSES[::-1])
    Kept(tmp_path, other).write(tracks(0, [(1, 2, 3, 4)]))
    recording = open_recording(tmp_path)
    kept = list(recording.read())
    assert [k.boot_id for k in kept if isinstance(k, KeptBoot)] == ["boot-1", "boot-2"]
    names = [
        [recording.classes[row].name for row in k.class_id] for k in kept if isinstance(k, Tracks)
    ]
    assert names == [["person", "vehicle"], ["vehicle"]]
    assert (recording.models, recording.cameras) == (("a-model", "b-model"), ("yard", "gate"))


@pytest.mark.parametrize("torn", [1, 20, 40, 60])
def test_what_a_power_cut_tore_off_is_passed_over_and_the_rest_is_whole(
    torn: int, tmp_path: Path
) -> None:
    kept = Kept(tmp_path)
    for frame in range(3):
        kept.write(tracks(frame))
    (segment,) = list_segments(tmp_path)
    whole = segment.path.read_bytes()
    segment.path.write_bytes(whole[:-torn])
    assert [t.ref.index for t in kept.frames()] == [0, 1]


def test_a_block_of_zeros_as_file_systems_leave_them_ends_the_segment_in_silence(
    tmp_path: Path,
) -> None:
    kept = Kept(tmp_path)
    kept.write(tracks(0))
    (segment,) = list_segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(b"\0" * 4096)
    assert [t.ref.index for t in kept.frames()] == [0]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(tracks(0))
    kept.write(tracks(1))
    (segment,) = list_segments(tmp_path)
    raw = bytearray(segment.path.read_bytes())
    raw[-5] ^= 1
    segment.path.write_bytes(raw)
    assert [t.ref.index for t in kept.frames()] == [0]


def test_the_oldest_segments_go_when_the_megabytes_are_full(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_mb=1)
    for _ in range(20):
        kept.hour()
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1e6
    numbers = kept.numbers()
    assert numbers[0] > 1
    assert numbers == list(range(numbers[0], 21))


def test_segments_end_after_an_hour_or_a_part_of_the_room(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_mb=1)
    for frame in range(3):
        kept.write(tracks(frame))
    assert len(kept.numbers()) == 1
    kept.clock.advance(3601)
    kept.write(tracks(3))
    assert len(kept.numbers()) == 2
    for _ in range(3):
        kept.hour(frames=1, boxes=9000)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) > 3


def test_segments_go_when_they_are_too_old_by_a_trusted_clock(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_age_h=3)
    for _ in range(8):
        kept.hour(frames=2)
    assert kept.numbers() == [5, 6, 7, 8]
    kept.clock.trusted = False
    kept.clock.jump_wall(1e6)
    kept.write(tracks(0))
    assert kept.numbers() == [5, 6, 7, 8, 9]


def test_a_clock_that_was_wrong_at_first_does_not_reorder_what_was_written(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.clock.jump_wall(-1e9)
    kept.write(tracks(0, wall_ns=kept.clock.wall_ns()))
    kept.clock.advance(3601)
    kept.clock.jump_wall(1e9)
    kept.write(tracks(1))
    assert [t.ref.index for t in kept.frames()] == [0, 1]


def test_a_disk_that_says_no_is_said_once_and_the_journal_goes_on_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "state"
    place.write_text("a file where the folder should be")
    kept = Kept(place / "journal")
    with caplog.at_level(logging.INFO):
        kept.write(tracks(0))
        kept.write(tracks(1))
        place.unlink()
        kept.write(tracks(2))
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "cannot be written (Not a directory); tracks of these seconds are lost" in said[0]
    assert said[1].endswith("writes again; 2 frames were lost")
    assert [t.ref.index for t in kept.frames()] == [2]


def test_its_thread_writes_what_waits_when_it_stops(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.journal.start()
    kept.journal.frame_tracked(tracks(0))
    assert kept.journal.stop(10)
    assert [t.ref.index for t in kept.frames()] == [0]


def test_frames_that_nobody_takes_are_counted_and_not_hoarded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept(tmp_path)
    one = tracks(0, [])
    for _ in range(20_010):
        kept.journal.frame_tracked(one)
    assert kept.journal.lost == 10
    kept.write()
    kept.write()
    said = [record.message for record in caplog.records]
    assert said == ["journal: 10 frames were left out; the box is too busy to keep them"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no journal\n", "its first line is not that of 'edge-agent tracks 1'; not replayed"),
        (b'{"format":"edge-agent tracks 9"}\n', "its format is 'edge-agent tracks 9', not "),
        (b"no end of line", "its first line does not end; not replayed"),
    ],
)
def test_another_kind_of_file_is_refused_by_name(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.tracks").write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.tracks") as refused:
        open_recording(tmp_path / "a.tracks")
    assert said in str(refused.value)


def test_a_broken_file_among_good_ones_is_named_and_passed_over(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    (tmp_path / f"00000000-{0:013d}.tracks").write_bytes(b"garbage\n")
    kept.write(tracks(0))
    assert [t.ref.index for t in kept.frames()] == [0]
    assert open_recording(tmp_path).broken[0].startswith("00000000-0000000000000.tracks: its first")


def test_an_empty_folder_says_how_tracks_come_into_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no tracks; the agent keeps them while it runs"):
        open_recording(tmp_path)
