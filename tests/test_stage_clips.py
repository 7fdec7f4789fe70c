"""Clips: what a looping camera needs, made once."""

from pathlib import Path

import av
import pytest

from edge_agent.errors import AgentError
from edge_agent.stage.clips import DEMO, Recipe, cache_folder, clip_path, prepare_clip
from edge_agent.stage.site import BENCH_CAMERAS, MEDIA_CAMERAS, choose_footage, write_site
from tests import clips


def quiet(done: float) -> None:
    """Nobody watches."""


def packets_of(clip: Path) -> list[av.Packet]:
    with av.open(str(clip)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    ("source", "recipe", "wh", "fps", "frames", "keyframes"),
    [
        # as it is, but a keyframe a second, and no B-frames
        (clips.Recipe(frames=30, fps=10, gop=300, bframes=3), Recipe(), (320, 240), 10, 30,
         [0, 10, 20]),
        # never enlarged
        (clips.Recipe(frames=10, fps=10), DEMO, (320, 240), 10, 10, [0]),
        (clips.Recipe(frames=10, fps=10, wh=(1280, 720)), DEMO, (768, 432), 10, 10, [0]),
        # a stretch of it
        (clips.Recipe(frames=50, fps=25), Recipe(first_s=0.4, last_s=1.2), (320, 240), 25, 20, [0]),
        # another codec, with pictures out of order
        (clips.Recipe(codec="mpeg4", frames=12, fps=12), Recipe(), (320, 240), 12, 12, [0]),
    ],
)  # fmt: skip
def test_a_clip_has_constant_rate_regular_keyframes_and_no_b_frames(
    tmp_path: Path,
    source: clips.Recipe,
    recipe: Recipe,
    wh: tuple[int, int],
    fps: int,
    frames: int,
    keyframes: list[int],
) -> None:
    clip = prepare_clip(clips.clip(source), recipe, tmp_path, quiet)
    packets = packets_of(clip)
    times = [packet.pts * packet.time_base * fps for packet in packets if packet.pts is not None]
    assert abs(len(packets) - frames) <= 1
    assert times == list(range(len(packets)))  # rising in decoding order: no B-frames
    assert [i for i, packet in enumerate(packets) if packet.is_keyframe] == keyframes
    with av.open(str(clip)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        video = container.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", *wh)
        assert video.average_rate == fps


def test_a_clip_is_made_once_and_progress_ends_at_one(tmp_path: Path) -> None:
    source = clips.clip(clips.Recipe(frames=30))
    told: list[float] = []
    first = prepare_clip(source, Recipe(), tmp_path, told.append)
    assert told[-1] == 1.0
    assert told == sorted(told)
    stamp = first.stat().st_mtime_ns
    assert prepare_clip(source, Recipe(), tmp_path, told.clear) == first
    assert first.stat().st_mtime_ns == stamp
    assert told[-1] == 1.0  # nobody was told again


def test_other_footage_or_another_recipe_is_another_clip(tmp_path: Path) -> None:
    one, other = tmp_path / "a.mp4", tmp_path / "b" / "a.mp4"
    other.parent.mkdir()
    one.write_bytes(b"footage")
    other.write_bytes(b"Footage")
    paths = {
        clip_path(one, DEMO, tmp_path),
        clip_path(other, DEMO, tmp_path),
        clip_path(one, Recipe(), tmp_path),
    }
    assert len(paths) == 3


def test_footage_that_is_none_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "broken.mp4"
    source.write_bytes(b"no video at all")
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(AgentError, match=r"clip broken\.mp4: .*; no clip made"):
        prepare_clip(source, DEMO, cache, quiet)
    assert list(cache.iterdir()) == []


def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert cache_folder() == tmp_path / "there" / "edge-agent"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "edge-agent"
    assert cache_folder().is_dir()


def test_cameras_take_the_footage_they_like_else_what_there_is(tmp_path: Path) -> None:
    assert choose_footage(MEDIA_CAMERAS, tmp_path) == {}
    for name in ("b.mkv", "a.MP4", "motorway_640x360.mp4", "notes.txt"):
        (tmp_path / name).touch()
    chosen = {camera: path.name for camera, path in choose_footage(MEDIA_CAMERAS, tmp_path).items()}
    assert chosen == {
        "gate": "a.MP4",
        "plaza": "b.mkv",
        "motorway": "motorway_640x360.mp4",
        "crowd": "a.MP4",
    }


def test_a_folder_of_videos_shows_three_rings_and_the_bench_four_streams() -> None:
    assert len({camera.ring for camera in MEDIA_CAMERAS}) == 3
    assert len({camera.layer for camera in MEDIA_CAMERAS}) >= 2
    assert len({camera.footage for camera in BENCH_CAMERAS}) == 4


def test_a_site_file_is_one_that_the_agent_takes(tmp_path: Path) -> None:
    from edge_agent.config import load

    manifest = tmp_path / "model.toml"
    manifest.touch()
    urls = {camera.id: f"rtsp://127.0.0.1:8554/{camera.id}" for camera in MEDIA_CAMERAS}
    path = write_site(
        tmp_path,
        agent_id="demo",
        broker_url="mqtt://127.0.0.1:1883",
        manifest=manifest,
        cameras=MEDIA_CAMERAS,
        urls=urls,
    )
    settings = load(path)
    assert [camera.id for camera in settings.camera] == list(urls)
    assert settings.model.manifest == manifest
    assert settings.model.plan.threads == 1
    assert settings.service.status_socket == tmp_path / "status.sock"
