"""The same seed gives the same frames, and a clip on disk is what was rendered."""

import dataclasses
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from edge_agent.errors import UsageError
from edge_agent.scenes import (
    SCRIPTS,
    Hour,
    Order,
    Weather,
    build_stage,
    frames,
    read_truth,
    render_clip,
    render_clips,
    scene_named,
    truth_path,
)
from edge_agent.scenes.vehicles import BODIES, is_held_out, pick_number
from tests.scenes_support import hash_of

SMALL = (160, 90)


def pictures(name: str, *, seed: int, seconds: float = 0.3, **knobs):
    scene = scene_named(name, **knobs)
    return [p for p, _ in frames(scene, seed=seed, seconds=seconds, fps=10, wh=SMALL)]


def test_the_same_seed_gives_the_same_frames_in_another_process_too() -> None:
    here = hash_of(pictures("country-uav", seed=5))
    code = (
        "from tests.test_scenes_clip import pictures, hash_of;"
        "print(hash_of(pictures('country-uav', seed=5)))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
    assert hash_of(pictures("country-uav", seed=6)) != here


@pytest.mark.parametrize(
    "knobs",
    [
        {"hour": Hour.NIGHT},
        {"hour": Hour.DUSK},
        {"hour": Hour.INFRARED},
        {"weather": Weather.RAIN},
        {"weather": Weather.FOG},
        {"weather": Weather.OVERCAST},
        {"clock": True},
        {"held_out": True},
        {"camera_height": 1.4},
        {"crowd": 0.3},
        {"noise": 3.0},
    ],
    ids=str,
)
def test_every_knob_changes_the_picture(knobs) -> None:
    plain = pictures("checkpoint", seed=2, seconds=0.1)
    assert hash_of(pictures("checkpoint", seed=2, seconds=0.1, **knobs)) != hash_of(plain)


def test_night_is_darker_and_infrared_is_grey() -> None:
    (day,) = pictures("checkpoint", seed=2, seconds=0.1)
    (night,) = pictures("checkpoint", seed=2, seconds=0.1, hour=Hour.NIGHT)
    (infrared,) = pictures("checkpoint", seed=2, seconds=0.1, hour=Hour.INFRARED)
    assert night.mean() < day.mean() * 0.7
    assert np.ptp(infrared.astype(int), axis=2).max() <= 1
    assert np.ptp(day.astype(int), axis=2).max() > 40


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_clip_decodes_to_the_frames_that_were_rendered(tmp_path, codec: str) -> None:
    scene = scene_named("two-cars-abreast")
    parts: list[float] = []
    out = tmp_path / "clip.mp4"
    truth = render_clip(
        scene, seed=4, seconds=2.4, fps=12.5, wh=(320, 180), codec=codec, out=out,
        progress=parts.append,
    )  # fmt: skip
    originals = [p for p, _ in frames(scene, seed=4, seconds=2.4, fps=12.5, wh=(320, 180))]
    assert len(truth.frames) == len(originals) == 30
    assert parts == pytest.approx([(i + 1) / 30 for i in range(30)])
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == {"h264": "h264", "h265": "hevc"}[codec]
        decoded = [
            (f.time, f.key_frame, f.to_ndarray(format="bgr24")) for f in container.decode(stream)
        ]
    assert [time for time, _, _ in decoded] == pytest.approx(
        [i / 12.5 for i in range(30)], abs=1e-4
    )
    assert [i for i, (_, key, _) in enumerate(decoded) if key] == [0, 25]
    for (_, _, picture), original in zip(decoded, originals, strict=True):
        assert np.abs(picture.astype(int) - original).mean() < 12
    assert read_truth(truth_path(out)).codec == codec
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "clip.truth.jsonl.gz"]


def test_several_clips_are_made_at_once_and_progress_ends_at_one(tmp_path) -> None:
    orders = [
        Order(scene_named(name), 1, 0.4, Fraction(10), SMALL, "h264", tmp_path / f"{name}.mp4")
        for name in ("parked-car", "three-perimeters")
    ]
    heard: list[float] = []
    render_clips(orders, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
    for order in orders:
        assert len(read_truth(truth_path(order.out)).frames) == 4


def test_what_cannot_be_made_is_refused_with_the_value_seen(tmp_path) -> None:
    scene = scene_named("parked-car")
    args = {"seed": 1, "seconds": 1, "fps": 10, "out": tmp_path / "x.mp4"}
    with pytest.raises(UsageError, match="codec 'vp9': not one of h264, h265"):
        render_clip(scene, codec="vp9", **args)
    with pytest.raises(UsageError, match="161×90: 4:2:0 colour needs even sizes"):
        render_clip(scene, wh=(161, 90), **args)
    with pytest.raises(UsageError, match=r"scene 'moon': not one of .*street-corner"):
        scene_named("moon")
    with pytest.raises(UsageError, match="scene 'moon'"):
        list(frames(dataclasses.replace(scene, name="moon"), seed=1, seconds=1, fps=1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "square-4k"])
def test_training_and_evaluation_share_no_body_building_or_figure(name: str) -> None:
    def numbers(*, held_out: bool) -> set[tuple[str, int]]:
        found = set()
        for seed in range(3):
            stage = build_stage(scene_named(name, held_out=held_out), seed)
            found |= {(a.subclass or "person", a.number) for a in stage.actors}
            found |= {("house", house.number) for house in stage.town.houses}
        return found

    training, evaluation = numbers(held_out=False), numbers(held_out=True)
    assert all(not is_held_out(number) for _, number in training)
    assert all(is_held_out(number) for _, number in evaluation)


def test_every_body_on_either_side_of_the_split_can_be_picked() -> None:
    rng = np.random.default_rng(0)
    training = {pick_number(rng, False) for _ in range(2000)}
    evaluation = {pick_number(rng, True) for _ in range(2000)}
    assert training | evaluation == set(range(BODIES))
    assert not training & evaluation
