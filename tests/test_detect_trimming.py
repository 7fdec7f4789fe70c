"""A model without its padding: what is opened, what is run, and when it is left alone."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edge_agent.config import boxed_model
from edge_agent.detect import Manifest, OnnxDetector, load_manifest, open_detector
from edge_agent.detect.agreement import Found, compare_found
from edge_agent.detect.open_sides import open_sides
from edge_agent.detect.recognise.pictures import builtin_pictures
from edge_agent.detect.trimming import open_session
from edge_agent.detect.views import trimmed_wh
from edge_agent.geometry import letterbox
from edge_agent.settings import Plan
from edge_agent.types import FloatArray, Wh
from tests.detect_support import SHARED, frame_of, nano_manifest, needs_shared
from tests.families_support import shared_manifest

SIDE = 416


def ring_nano() -> onnx.ModelProto:
    return onnx.load(load_manifest(boxed_model()).file)


def fixed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Write one size into a model of any size, as most exports have it."""
    for axis, length in enumerate((1, 3, SIDE, SIDE)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = length
    model = onnx.shape_inference.infer_shapes(model)
    assert len(model.graph.value_info) > 10
    return model


def write_square(folder: Path, model: onnx.ModelProto, lines: str = "") -> Path:
    """Write `model` with ring-nano's manifest, at 416×416."""
    content = model.SerializeToString()
    (folder / "square.onnx").write_bytes(content)
    text = boxed_model().read_text()
    old = load_manifest(boxed_model())
    text = text.replace(old.sha256, hashlib.sha256(content).hexdigest())
    text = text.replace(f'"{old.file.name}"', '"square.onnx"')
    text = text.replace(f"input_wh = {list(old.input_wh)}", f"input_wh = [{SIDE}, {SIDE}]")
    manifest = folder / "square.toml"
    manifest.write_text(f"{lines}\n{text}")
    return manifest


def ran(detector: OnnxDetector) -> list[tuple[int, ...]]:
    """Return the list that the shapes of the detector's runs go to, from here on."""
    shapes: list[tuple[int, ...]] = []
    run = detector._session.run

    def note(images: FloatArray) -> object:
        shapes.append(images.shape)
        return run(images)

    detector._session.run = note
    return shapes


def street() -> np.ndarray:
    return next(p.bgr for p in builtin_pictures() if p.name == "street-corner-2.jpg")


def sure(detector: OnnxDetector, bgr: np.ndarray) -> Found:
    found = detector.detect([frame_of(bgr)], 0).rows(0)
    found = found.keep(found.score >= detector.score_threshold)
    return Found(found.xyxy, found.score, found.class_id)


@pytest.mark.parametrize(
    ("picture", "whole", "wanted"),
    [
        ((1920, 1080), (416, 416), (416, 256)),
        ((704, 576), (416, 416), (416, 352)),
        ((1080, 1920), (416, 416), (256, 416)),
        ((500, 500), (416, 416), (416, 416)),
        ((1920, 1080), (416, 256), (416, 256)),
        ((640, 480), (416, 256), (352, 256)),
        ((1920, 1080), (300, 300), (300, 192)),
        ((4000, 10), (416, 416), (416, 32)),
    ],
)
def test_the_least_input_that_holds_a_picture(picture: Wh, whole: Wh, wanted: Wh) -> None:
    manifest = load_manifest(boxed_model()).model_copy(update={"input_wh": whole})
    assert trimmed_wh(picture, manifest) == wanted


def test_a_longer_stride_takes_longer_steps() -> None:
    manifest = load_manifest(boxed_model()).model_copy(
        update={"input_wh": (640, 640), "strides": (8, 16, 32, 64)}
    )
    assert trimmed_wh((1920, 1080), manifest) == (640, 384)
    assert trimmed_wh((1600, 1000), manifest) == (640, 448)  # 400 rows


@pytest.mark.parametrize("placed", ["top_left", "centre"])
def test_a_picture_is_as_large_without_the_padding(placed: str) -> None:
    rng = np.random.default_rng(3)
    whole = load_manifest(boxed_model()).model_copy(update={"letterbox": placed})
    for _ in range(500):
        w, h, side = (int(n) for n in rng.integers(1, 3000, 3))
        manifest = whole.model_copy(update={"input_wh": (32 + side % 640, 32 + side % 333)})
        fits = [
            letterbox((w, h), wh, centred=placed == "centre")
            for wh in (manifest.input_wh, trimmed_wh((w, h), manifest))
        ]
        assert fits[0].inner_wh == fits[1].inner_wh


def test_only_the_sizes_are_opened() -> None:
    before = fixed(ring_nano())
    after = onnx.load_from_string(open_sides(before.SerializeToString(), (2, 3)))
    onnx.checker.check_model(after)
    taken = after.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in taken] == [1, 3, 0, 0]
    assert not after.graph.value_info
    assert len(after.graph.output[0].type.tensor_type.shape.dim) == 3
    for model in (before, after):
        for value in (*model.graph.input, *model.graph.output):
            value.ClearField("type")
        del model.graph.value_info[:]
    assert after == before


def test_weights_among_the_inputs_are_no_inputs() -> None:
    model = fixed(ring_nano())
    for weight in model.graph.initializer:  # as files before version 4 have it
        model.graph.input.append(
            helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
        )
    session = onnxruntime.InferenceSession(open_sides(model.SerializeToString(), (2, 3)))
    (output,) = session.run(None, {"images": np.zeros((1, 3, 64, 96), np.float32)})
    assert output.shape[1] == 12 * 8 + 6 * 4 + 3 * 2


def test_what_is_no_model_with_one_input_is_said() -> None:
    model = ring_nano()
    content = model.SerializeToString()
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [2]))
    with pytest.raises(ValueError, match="2 inputs"):
        open_sides(model.SerializeToString(), (2, 3))
    with pytest.raises(ValueError, match="0 inputs"):
        open_sides(b"", (2, 3))
    rng = np.random.default_rng(1)
    for _ in range(300):
        torn = bytearray(content[:3000])
        torn[rng.integers(len(torn))] = rng.integers(256)
        try:
            open_sides(bytes(torn[: rng.integers(len(torn))]), (2, 3))
        except ValueError:
            continue


@pytest.mark.parametrize("export", ["open", "fixed"])
def test_a_wide_picture_runs_without_padding_and_shows_the_same(
    export: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = ring_nano() if export == "open" else fixed(ring_nano())
    manifest = write_square(tmp_path, model)
    trimmed = open_detector(manifest, plan=Plan())
    assert "input 416×416 less its padding" in caplog.text
    manifest.write_text("trim = false\n" + manifest.read_text())
    whole = open_detector(manifest, plan=Plan())
    shapes, whole_shapes = ran(trimmed), ran(whole)
    pairs = [(sure(whole, p.bgr), sure(trimmed, p.bgr)) for p in builtin_pictures()]
    assert (1, 3, 256, SIDE) in shapes
    assert set(whole_shapes) == {(1, 3, SIDE, SIDE)}
    agreement = compare_found(pairs)
    assert agreement.wanted > 20
    assert agreement.f1 > 0.97
    assert agreement.score_spread < 0.02


def test_a_batch_of_several_shapes_equals_single_pictures(tmp_path: Path) -> None:
    detector = open_detector(write_square(tmp_path, ring_nano()), plan=Plan(batch=4))
    bgr = street()
    pictures = [bgr, bgr[:, :240], bgr[:, 100:], bgr[:, :240].copy()]
    alone = [detector.detect([frame_of(p)], 0) for p in pictures]
    shapes = ran(detector)
    together = detector.detect([frame_of(p, f"camera-{i}") for i, p in enumerate(pictures)], 0)
    assert sorted(shape[0] for shape in shapes) == [1, 1, 2]
    assert [ref.camera_id for ref in together.frames] == [f"camera-{i}" for i in range(4)]
    assert sum(len(one.score) for one in alone) > 10
    for i, one in enumerate(alone):
        np.testing.assert_allclose(together.rows(i).xyxy, one.xyxy, atol=0.05)
        np.testing.assert_array_equal(together.rows(i).class_id, one.class_id)


def fault_of(manifest: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Return why the padding is run too; empty where it is not."""
    caplog.set_level(logging.INFO)
    session = open_session(load_manifest(manifest), threads=1, provider="cpu")
    told = caplog.text.partition("padding is run too: ")[2].strip()
    assert session.trims == (told == "")
    return told


def test_a_net_that_finds_less_without_padding_runs_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = ring_nano()
    graph = model.graph
    found = graph.output[0].name
    graph.node[-1].output[0] = "found"
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(number, np.int64), name)
        for name, number in (("height_axis", 2), ("known_height", SIDE))
    )
    graph.node.extend(
        [
            helper.make_node("Shape", [graph.input[0].name], ["sides"]),
            helper.make_node("Gather", ["sides", "height_axis"], ["height"]),
            helper.make_node("Equal", ["height", "known_height"], ["is_known"]),
            helper.make_node("Cast", ["is_known"], ["factor"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["found", "factor"], [found]),
        ]
    )
    told = fault_of(write_square(tmp_path, model), caplog)
    assert told.startswith("without it")
    assert "boxes are lost" in told


def test_a_net_of_one_size_inside_runs_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = ring_nano()
    found = model.graph.output[0].name
    model.graph.node[-1].output[0] = "found"
    anchors = sum((SIDE // stride) ** 2 for stride in (8, 16, 32))
    shape = onnx.numpy_helper.from_array(np.array([1, anchors, -1], np.int64), "one_size")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("Reshape", ["found", "one_size"], [found]))
    manifest = write_square(tmp_path, model)
    assert "inference of 1 pictures failed" in fault_of(manifest, caplog)
    detector = open_detector(manifest, plan=Plan())
    assert len(sure(detector, street()).score) > 3


def test_a_net_that_finds_nothing_in_the_test_pictures_proves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_square(tmp_path, ring_nano())
    manifest.write_text(
        manifest.read_text().replace("score_threshold = 0.5", "score_threshold = 1")
    )
    assert "boxes in the test pictures prove nothing" in fault_of(manifest, caplog)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_on_a_device_the_whole_input_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: installed)
    manifest: Manifest = load_manifest(write_square(tmp_path, ring_nano()))
    caplog.set_level(logging.ERROR)
    assert not open_session(manifest, threads=1, provider="auto").trims
    assert open_session(manifest, threads=1, provider="cpu").trims


@needs_shared
@pytest.mark.parametrize(
    ("name", "trims"),
    [("yolox_nano-raw-dyn", True), ("yolox_person_192", True), ("nanodet_m_320", False)],
)
def test_published_exports(
    name: str, trims: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert (fault_of(shared_manifest(tmp_path, name, trim=True), caplog) == "") == trims


@needs_shared
def test_the_published_yolox_nano_runs_without_padding(tmp_path: Path) -> None:
    path = SHARED / "models" / "yolox_nano.onnx"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    detector = open_detector(nano_manifest(tmp_path, path.name, digest), plan=Plan())
    shapes = ran(detector)
    assert len(sure(detector, street()).score) >= 1
    assert shapes == [(1, 3, 256, SIDE)]
