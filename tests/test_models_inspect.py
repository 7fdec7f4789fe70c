"""`edge-agent models inspect`: however a detector was exported, it is recognised and right."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
from onnx import TensorProto
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.detect import Manifest, load_manifest, open_detector
from edge_agent.detect.recognise.pictures import builtin_pictures
from edge_agent.errors import AgentError, ModelRefused, UsageError
from edge_agent.settings import Plan
from tests.detect_support import SHARED, frame_of, needs_shared, photo
from tests.inspect_variants import BOXED, Variant, imagenet

needs_boxed = pytest.mark.skipif(not BOXED.exists(), reason="needs models/ring_nano.onnx")
PAIR = "person,vehicle"


def inspect(file: Path, *options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", "inspect", str(file), *map(str, options)])
    if isinstance(result.exception, AgentError):
        raise result.exception
    return result.exit_code, result.stdout


def manifest_of(file: Path, folder: Path, *options: object) -> tuple[Manifest, str]:
    """Return the manifest that `inspect` prints for a file that must pass, and the output."""
    status, text = inspect(file, *options)
    assert status == 0, text
    path = folder / "printed.toml"
    path.write_text(text)
    return load_manifest(path), text


@dataclass(frozen=True)
class Expected:
    family: str
    channels: str
    unit: bool  # scale 1/255, else 1
    letterbox: str
    side: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)


NANODET = Expected("nanodet", "bgr", False, "centre", 320, (103.53, 116.28, 123.675))
#: As the documents of each model say that it wants its pictures.
SHARED_MODELS = {
    "yolox_nano": Expected("yolox", "bgr", False, "top_left", 416),
    "yolox_nano-raw-dyn": Expected("yolox", "bgr", False, "top_left", 416),
    "yolox_nano-raw-fp16-dyn": Expected("yolox", "bgr", False, "top_left", 416),
    "yolox_nano-raw-int8qdq-dyn": Expected("yolox", "bgr", False, "top_left", 416),
    "yolox_person_192": Expected("yolox", "bgr", False, "top_left", 192),
    "yolox_nano-v5layout-dyn": Expected("yolov5", "rgb", True, "centre", 416),
    "yolox_nano-v8layout-dyn": Expected("yolov8", "rgb", True, "centre", 416),
    "yolox_nano-nms7-dyn": Expected("end_to_end", "rgb", True, "centre", 416),
    "yolox_nano-e2e300-dyn": Expected("end_to_end", "rgb", True, "centre", 416),
    "nanodet_m_320": NANODET,
    "nanodet_m_320-dyn": NANODET,
    "nanodet_m_320-int8qdq": NANODET,
    "picodet_s_416": Expected(
        "picodet", "rgb", False, "stretch", 416, (123.675, 116.28, 103.53)),
    "FastestDet": Expected("fastestdet", "bgr", True, "stretch", 352),
    "yolo-fastestv2": Expected("yolo_fastestv2", "bgr", True, "stretch", 352),
    "yolov5n_fp16": Expected("yolov5", "rgb", True, "centre", 640),
    "yolov8n_int8": Expected("yolov8", "rgb", True, "centre", 640),
    "deimv2_femto": Expected("detr", "rgb", True, "stretch", 416),
}  # fmt: skip


@needs_shared
@pytest.mark.parametrize("name", SHARED_MODELS)
def test_a_published_detector_is_recognised_and_its_manifest_works(
    name: str, tmp_path: Path
) -> None:
    manifest, _ = manifest_of(SHARED / "models" / f"{name}.onnx", tmp_path)
    expected = SHARED_MODELS[name]
    assert manifest.family == expected.family
    assert manifest.channels == expected.channels
    assert manifest.scale == pytest.approx(1 / 255 if expected.unit else 1)
    assert manifest.mean == pytest.approx(expected.mean)
    assert manifest.letterbox == expected.letterbox
    assert manifest.input_wh == (expected.side, expected.side)
    assert manifest.tested
    detector = open_detector(tmp_path / "printed.toml", plan=Plan())
    found = detector.detect([frame_of(photo("bus.jpg"))], 0)
    strong = found.class_id[found.score >= manifest.score_threshold]
    assert sum(detector.classes[c].name == "person" for c in strong) >= 2


@dataclass(frozen=True)
class Kind:
    """What a variant of the boxed detector must be recognised as."""

    family: str = "yolox"
    unit: bool = False
    layout: str = "nchw"


def open_everywhere() -> Variant:
    return Variant((640, 640)).open_batch().open_size()


VARIANTS = {
    "other names of input and output": (lambda: Variant().renamed("x:0", "759"), Kind()),
    "a batch of any length": (lambda: Variant().open_batch(), Kind()),
    "any size, which is tried": (open_everywhere, Kind()),
    "RGB": (lambda: Variant().rgb(), Kind()),
    "0..1": (lambda: Variant().scaled(255), Kind(unit=True)),
    "RGB, 0..1": (lambda: Variant().scaled(255).rgb(), Kind(unit=True)),
    "float16 pixels": (lambda: Variant().take(TensorProto.FLOAT16), Kind()),
    "bytes, channels last": (
        lambda: Variant().take(TensorProto.UINT8, channels_last=True).rgb(),
        Kind(layout="nhwc")),
    "channels last, 0..1": (
        lambda: Variant().take(TensorProto.FLOAT, channels_last=True).scaled(255),
        Kind(unit=True, layout="nhwc")),
    "rows as YOLOv5's": (
        lambda: Variant().scaled(255).rgb().decoded(objectness=True),
        Kind("yolov5", unit=True)),
    "rows as YOLOv8's": (
        lambda: Variant().scaled(255).rgb().decoded(objectness=False),
        Kind("yolov8", unit=True)),
    "columns as YOLOv8's": (
        lambda: Variant().scaled(255).rgb().decoded(objectness=False, columns_first=True),
        Kind("yolov8", unit=True)),
    "columns as YOLOv8's of BGR 0..255": (
        lambda: Variant().decoded(objectness=False, columns_first=True), Kind("yolov8")),
}  # fmt: skip


@needs_boxed
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_an_export_is_read_as_what_it_is(name: str, tmp_path: Path) -> None:
    build, kind = VARIANTS[name]
    file = build().write(tmp_path / "variant.onnx")
    manifest, _ = manifest_of(file, tmp_path, "--labels", PAIR)
    assert manifest.family == kind.family
    # Not the order of the colours: ring-nano finds as much in either, so the family's usual stays.
    assert manifest.scale == pytest.approx(1 / 255 if kind.unit else 1)
    assert manifest.layout == kind.layout
    assert manifest.labels == ("person", "vehicle")


@needs_boxed
@pytest.mark.parametrize(("ids", "labels"), [((0, 2), "coco"), ((1, 3), "coco91")])
def test_numbers_of_labels_are_read_as_coco_s_or_as_its_category_ids(
    ids: tuple[int, int], labels: str, tmp_path: Path
) -> None:
    file = Variant().scaled(255).rgb().finished(ids).write(tmp_path / "m.onnx")
    manifest, text = manifest_of(file, tmp_path)
    assert manifest.family == "end_to_end"
    assert f'labels = "{labels}"' in text


@needs_boxed
def test_a_mean_and_deviation_are_found_by_the_self_test(tmp_path: Path) -> None:
    manifest, _ = manifest_of(imagenet().write(tmp_path / "m.onnx"), tmp_path, "--labels", PAIR)
    assert sorted(manifest.mean) == pytest.approx([103.53, 116.28, 123.675])


@needs_boxed
def test_labels_come_from_the_file_where_it_has_them(tmp_path: Path) -> None:
    file = Variant().write(tmp_path / "m.onnx", names="{1: 'van', 0: 'pedestrian'}", task="detect")
    manifest, text = manifest_of(file, tmp_path)
    assert manifest.labels == ("pedestrian", "van")
    assert "labels: 2, the file's own" in text


@needs_boxed
@pytest.mark.parametrize("count", [7, 365])
def test_labels_without_names_are_known_by_what_they_find(count: int, tmp_path: Path) -> None:
    file = Variant().labels([5, 2], count).write(tmp_path / "m.onnx")
    manifest, text = manifest_of(file, tmp_path)
    assert len(manifest.labels) == count
    assert manifest.class_map == {"label-5": "person", "label-2": "vehicle"}
    assert "check it" in text


@needs_boxed
def test_names_that_nobody_knows_are_known_by_what_they_find(tmp_path: Path) -> None:
    file = Variant().write(tmp_path / "m.onnx", names="['Fußgänger', 'Kfz']")
    manifest, _ = manifest_of(file, tmp_path)
    assert manifest.class_map == {"Fußgänger": "person", "Kfz": "vehicle"}


@needs_boxed
def test_a_class_map_and_a_size_of_the_user_hold(tmp_path: Path) -> None:
    given = ("--labels", "a,b", "--class-map", "a=person/walker", "--class-map", "b=ignored")
    file = Variant().open_size().write(tmp_path / "m.onnx")
    manifest, _ = manifest_of(file, tmp_path, *given, "--input-wh", "256x160")
    assert manifest.class_map == {"a": "person/walker", "b": "ignored"}
    assert manifest.input_wh == (256, 160)
    with pytest.raises(ModelRefused, match="fixed at 320×192, not 256×160"):
        inspect(Variant().write(tmp_path / "f.onnx"), "--input-wh", "256x160")


@needs_boxed
def test_a_picture_of_the_user_is_asked_for_what_is_in_it(tmp_path: Path) -> None:
    picture = next(p for p in builtin_pictures() if p.name == "checkpoint-2.jpg")
    cv2.imwrite(str(tmp_path / "gate.png"), picture.bgr)
    cv2.imwrite(str(tmp_path / "grey.png"), picture.bgr * 0 + 90)
    file = Variant().write(tmp_path / "m.onnx")
    own = ("--labels", PAIR, "--picture", tmp_path / "gate.png", "--expect", "vehicle")
    _, text = manifest_of(file, tmp_path, *own)
    assert "1 of 1 on your pictures" in text
    named = ("--labels", "a,tram", "--class-map", "tram=vehicle/tram", *own[2:5], "tram")
    assert "1 of 1 on your pictures" in manifest_of(file, tmp_path, *named)[1]
    with pytest.raises(ModelRefused, match=r"'helmet' is expected in gate.png, but its classes"):
        inspect(file, *own[:5], "helmet")
    empty = ("--labels", PAIR, "--picture", tmp_path / "grey.png", "--expect", "vehicle")
    status, text = inspect(file, *empty)
    assert status == 1
    assert "0 of 1 on your pictures" in text


@needs_boxed
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--labels", "a,,b"), "an empty label"),
        (("--class-map", "van"), "give LABEL=CLASS"),
        (("--picture", "x.jpg"), "1 --picture and 0 --expect"),
        (("--picture", "x.jpg", "--expect", "person"), "no such file"),
        (("--input-wh", "416"), "give WIDTHxHEIGHT"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(options: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        inspect(BOXED, *options)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        inspect(tmp_path / "model.onnx")


@needs_boxed
def test_a_class_that_no_manifest_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="class_map"):
        inspect(BOXED, "--labels", PAIR, "--class-map", "person=bird")
