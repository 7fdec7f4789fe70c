"""`edge-agent models optimize`: a dynamic batch that is proven, 8 bits that are judged."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands.models import optimize as models_optimize
from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.preparation.graph import (
    fixed_batch,
    free_batch,
    sensitive_convolutions,
    write_optimised,
)
from edge_agent.detect.preparation.proof import open_single, output_fault
from edge_agent.errors import AgentError, SourceError, UsageError
from edge_agent.settings import Plan
from tests.clips import clip
from tests.detect_support import SHARED, frame_of, nano_manifest, needs_shared, photo
from tests.toy_model import paint, write_toy_yolox


def optimise(*options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", "optimize", *map(str, options)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout


def manifest_of(file: Path, side: int) -> Manifest:
    """Return a manifest that is good enough to run a session of any family."""
    return Manifest.model_validate(
        {
            "name": "any", "file": str(file), "family": "yolox",
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "input_wh": [side, side],
            "channels": "bgr", "letterbox": "stretch", "strides": [1], "labels": "coco",
            "score_threshold": 0.3, "licence": "x", "source": "x",
        }
    )  # fmt: skip


def freed(file: Path, side: int, folder: Path) -> str | None:
    """Return what the proof says of `file` made dynamic."""
    target = folder / "free.onnx"
    write_optimised(file, target)
    assert fixed_batch(target)
    assert free_batch(target)
    assert not fixed_batch(target)
    original, prepared = manifest_of(file, side), manifest_of(target, side)
    return output_fault(open_single(original), open_single(prepared), original)


def write_net(folder: Path, *nodes: onnx.NodeProto, **shapes: list[int]) -> Path:
    """Write 3 × 8 × 8 pictures -> Conv to 8 channels -> `nodes` -> output."""
    rng = np.random.default_rng(3)
    weights = [numpy_helper.from_array(rng.normal(size=(8, 3, 1, 1)).astype(np.float32), "w")]
    weights += [numpy_helper.from_array(np.array(shape), name) for name, shape in shapes.items()]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "w"], ["features"], name="stem"), *nodes],
        "net",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        initializer=weights,
    )
    opset = [helper.make_opsetid("", 17)]
    model = onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=opset, ir_version=8)
    )
    path = folder / "net.onnx"
    onnx.save(model, path)
    return path


def reshape(source: str, shape: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Reshape", [source, shape], [target], name=f"reshape-{target}")


# --- The batch axis


@pytest.mark.parametrize(
    "shape",
    [[1, 8, -1], [1, 8, 64], [1, -1, 8, 8], [1, 2, 4, 8, 8], [0, 8, -1], [-1, 8, 64]],
)
def test_a_reshape_to_a_fixed_batch_is_opened(shape: list[int], tmp_path: Path) -> None:
    net = write_net(tmp_path, reshape("features", "shape", "output"), shape=shape)
    assert freed(net, 8, tmp_path) is None


def test_channels_folded_into_the_batch_are_opened(tmp_path: Path) -> None:
    # The channel shuffle of older exports: (1, 8, 8, 8) -> (4, 2, 64) -> (1, 8, 64).
    swap = helper.make_node("Transpose", ["pairs"], ["swapped"], perm=[1, 0, 2])
    gather = helper.make_node("Gather", ["halves", "zero"], ["output"], axis=0)
    net = write_net(
        tmp_path, reshape("features", "pair", "pairs"), swap,
        reshape("swapped", "half", "halves"), gather,
        pair=[4, 2, 64], half=[2, -1, 4, 8, 8], zero=[0],
    )  # fmt: skip
    # one more axis in front: a picture is no longer the first axis of the output
    fault = freed(net, 8, tmp_path)
    assert fault is not None
    assert "not (" in fault


def test_a_graph_that_mixes_the_pictures_is_refused(tmp_path: Path) -> None:
    mean = helper.make_node("ReduceMean", ["features"], ["middle"], axes=[0], keepdims=1)
    mixed = helper.make_node("Sub", ["features", "middle"], ["output"])
    fault = freed(write_net(tmp_path, mean, mixed), 8, tmp_path)
    assert fault is not None
    assert "differs" in fault


def test_a_graph_that_drops_the_batch_is_refused(tmp_path: Path) -> None:
    net = write_net(tmp_path, reshape("features", "flat", "output"), flat=[8, -1])
    fault = freed(net, 8, tmp_path)
    assert fault is not None
    assert "output 0 of" in fault


@needs_shared
@pytest.mark.parametrize(
    ("file", "side"),
    [
        ("yolox_nano", 416),
        ("yolox_person_192", 192),
        ("nanodet_m_320", 320),  # a channel shuffle of five axes
        ("FastestDet", 352),  # a shuffle that folds channels into the first axis
        ("picodet_s_416", 416),
        ("yolo-fastestv2", 352),
    ],
)
def test_published_exports_get_a_batch_axis(file: str, side: int, tmp_path: Path) -> None:
    assert freed(SHARED / "models" / f"{file}.onnx", side, tmp_path) is None


# --- The command


def test_a_fixed_export_becomes_a_batchable_one_beside_it(tmp_path: Path) -> None:
    source = write_toy_yolox(tmp_path, batch=1, merged=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    status, out = optimise(source)
    assert status == 0
    assert "batch axis made dynamic" in out
    assert "outputs equal, alone and in a batch; CPU of a picture " in out
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content
    made = tmp_path / "toy-optimised.toml"
    manifest = load_manifest(made)
    assert manifest.name == "toy-optimised"
    assert manifest.labels == load_manifest(source).labels
    assert "Made of toy.toml by `edge-agent models optimize`, with ONNX Runtime" in made.read_text()
    frames = [frame_of(paint((320, 192), ("person", (40, 40, 40 + n, 90)))) for n in (40, 60, 80)]
    detector = open_detector(made, plan=Plan(batch=3))
    assert not detector.one_by_one
    assert [len(detector.detect(frames, 0).rows(i).score) for i in range(3)] == [1, 1, 1]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        [*before, "toy-optimised.onnx", "toy-optimised.toml"]
    )


def test_what_exists_is_not_replaced(tmp_path: Path) -> None:
    source = write_toy_yolox(tmp_path)
    (tmp_path / "toy-optimised.onnx").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not replaced"):
        optimise(source)
    status, _ = optimise(source, "--out", tmp_path / "new")
    assert status == 0
    assert (tmp_path / "toy-optimised.onnx").read_text() == "mine"
    assert (tmp_path / "new" / "toy-optimised.toml").exists()


def test_an_export_that_merges_the_batch_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_toy_yolox(tmp_path, batch=1, merged=True)
    # as people make an axis dynamic: in the input's and the output's declaration alone
    monkeypatch.setattr("edge_agent.detect.preparation.graph._open_shape", lambda shape: None)
    status, out = optimise(source)
    assert status == 1
    assert "not written: output 0 of 3 pictures is (1, 2160, 8), not (3, 720, 8)" in out
    assert "--keep-batch leaves the batch axis as it is" in out
    assert not list(tmp_path.glob("toy-optimised*"))
    status, out = optimise(source, "--keep-batch")
    assert status == 0
    assert "alone (one picture a run)" in out


def test_without_onnx_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_optimize.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "edge-agent\[models\]"'):
        optimise(write_toy_yolox(tmp_path))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ([], UsageError, "--int8 needs pictures: give --frames or --config"),
        (["--frames", "rtsp://me:secret@h/1"], UsageError, "holds a user name or a password"),
        (["--frames", "no-such-file.mp4"], SourceError, "nothing is made"),
    ],
)
def test_int8_says_what_it_needs(
    options: list[str], error: type[AgentError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words) as raised:
        optimise(write_toy_yolox(tmp_path), "--int8", *options)
    assert "secret" not in str(raised.value)


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    source = write_toy_yolox(tmp_path)
    with pytest.raises(UsageError, match=r"pictures came, --int8 needs 12"):
        optimise(source, "--int8", "--frames", clip())
    assert not list(tmp_path.glob("toy-int8*"))


@needs_shared
def test_int8_of_a_real_network_is_judged_on_pictures_held_back(tmp_path: Path) -> None:
    network = SHARED / "models" / "yolox_person_192.onnx"
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    source = nano_manifest(tmp_path, network.name, digest)
    text = source.read_text().replace("[416, 416]", "[192, 192]").replace('"coco"', '["person"]')
    source.write_text(text)
    street = SHARED / "media" / "pets_street_480x360.mp4"
    options = ["--int8", "--frames", street, "--count", 24]
    status, out = optimise(source, *options, "--floor", 1.0)
    assert status == 1
    assert "is below the floor of 1" in out
    assert not list(tmp_path.glob("*-int8*"))
    for file in tmp_path.glob("*-optimised*"):
        file.unlink()
    status, out = optimise(source, *options, "--floor", 0.6)
    assert status == 0, out
    assert "int8 from 16 pictures" in out
    assert "on 8 pictures held back" in out
    assert "recall" in out
    assert "CPU of a picture" in out
    made = tmp_path / "yolox_person_192-int8.toml"
    detector = open_detector(made, plan=Plan(batch=2))  # static scales: a batch changes nothing
    found = detector.detect([frame_of(photo("person.jpg"))], 0)
    assert found.score.max() > 0.5
    assert (tmp_path / "yolox_person_192-int8.onnx").stat().st_size < network.stat().st_size / 2


@needs_shared
def test_stem_depthwise_and_prediction_layers_stay_in_float(tmp_path: Path) -> None:
    file = tmp_path / "nano.onnx"
    write_optimised(SHARED / "models" / "yolox_nano.onnx", file)
    kept = set(sensitive_convolutions(file))
    convolutions = [node for node in onnx.load(file).graph.node if node.op_type == "Conv"]
    groups = {node.name: {a.name: a.i for a in node.attribute}["group"] for node in convolutions}
    assert convolutions[0].name in kept
    assert {name for name, group in groups.items() if group > 1} <= kept
    assert len([name for name in kept if groups[name] == 1]) == 1 + 9  # stem, 3 heads of 3


def test_a_camera_of_a_site_file_gives_pictures(tmp_path: Path) -> None:
    from edge_agent.commands.models.frames import camera_of, collect_images

    manifest = load_manifest(write_toy_yolox(tmp_path))
    images = collect_images([camera_of(str(clip()), 1)] * 2, manifest, count=4, seconds=5)
    assert 2 <= len(images) <= 4
    assert {image.shape for image in images} == {(3, 96, 160)}


def test_the_album_spreads_over_a_long_clip_in_little_memory(tmp_path: Path) -> None:
    from edge_agent.commands.models.frames import Album

    album = Album(load_manifest(write_toy_yolox(tmp_path)), 5)
    most = 0
    for level in range(200):
        album.look(frame_of(np.full((96, 160, 3), level, np.uint8)))
        most = max(most, len(album.images))
    levels = [round(float(image.mean())) for image in album.spread()]
    assert len(levels) == 5
    assert most <= 10
    assert levels[0] == 0
    assert levels[-1] > 150
    assert max(np.diff(levels)) <= 2 * min(np.diff(levels)) + 1


def test_the_help_lists_it() -> None:
    result = CliRunner().invoke(app, ["models", "--help"])
    assert "optimize" in result.stdout
    assert json.dumps(result.exit_code) == "0"
