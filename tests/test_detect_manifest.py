"""Manifests and model files that cannot be used, each with its exact message."""

import hashlib
import re
import shutil
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.families import FAMILIES
from edge_agent.detect.labels import COCO_LABELS
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.session import choose_provider
from edge_agent.errors import ModelError
from edge_agent.settings import Plan
from tests.detect_support import NANO
from tests.toy_model import write_toy_yolox

ALL_KEYS = ", ".join(Manifest.model_fields)
CLASS_WORDS = (
    'label = "ignored", "person", "vehicle" or one of these two with a "/subclass", for known'
    " labels"
)
LABELS = '"coco", "coco91" or a list of different names in the order of the output'
ALL_FAMILIES = ", ".join(f'"{name}"' for name in FAMILIES)
EXTRA_INPUTS = (
    'input = "input_wh", "input_hw", "ones" or a list of numbers, for every input beside the'
    " picture"
)
COLUMNS = (
    '"x1", "y1", "x2", "y2", "score", "class" once each, "batch" at most once, "-" for others, in'
    " the order of a row"
)
ANCHORS = (
    "a list for each stride, in the order of `strides`, of as many [width, height] in pixels of the"
    " input"
)

# (line to replace, its replacement or a line to add) -> the whole message behind the file's name
BROKEN = {
    "missing": ("family", "", f": key family: is missing; allowed: {ALL_FAMILIES}"),
    "unknown": ("", "treshold = 1", f":16: key treshold: unknown key; allowed: {ALL_KEYS}"),
    "family": (
        "family",
        'family = "yolov9"',
        f':4: key family: value "yolov9"; allowed: {ALL_FAMILIES}',
    ),
    "one side": (
        "input_wh",
        "input_wh = [416]",
        ":5: key input_wh: value [416]; allowed: [width, height], 8 to 8192, multiples of every"
        " stride",
    ),
    "no multiple": (
        "input_wh",
        "input_wh = [164, 96]",
        ":5: key input_wh: [164, 96] and a stride of 8; allowed: [width, height], 8 to 8192,"
        " multiples of every stride",
    ),
    "a text for a number": (
        "score_threshold",
        'score_threshold = "0.5"',
        ':12: key score_threshold: value "0.5"; allowed: 0 to 1',
    ),
    "too high": (
        "score_threshold",
        "score_threshold = 35",
        ":12: key score_threshold: value 35; allowed: 0 to 1",
    ),
    "no overlap": (
        "iou_threshold",
        "iou_threshold = 0",
        ":13: key iou_threshold: value 0; allowed: above 0, at most 1; 0.45 suits most",
    ),
    "channels": (
        "channels",
        'channels = "BGR"',
        ':7: key channels: value "BGR"; allowed: "bgr" or "rgb"',
    ),
    "layout": (
        "layout",
        'layout = "chwn"',
        ':6: key layout: value "chwn"; allowed: "nchw" or "nhwc"',
    ),
    "letterbox": (
        "letterbox",
        'letterbox = "center"',
        ':8: key letterbox: value "center"; allowed: "top_left", "centre" or "stretch"',
    ),
    "pad": (
        "pad",
        "pad = true",
        ":9: key pad: value true; allowed: 0 to 255: the grey around a letterboxed picture",
    ),
    "std": (
        "",
        "std = [58, 0, 57]",
        ":16: key std: value [58, 0, 57]; allowed: 3 numbers above 0 in the order of `channels`,"
        " divided by after `mean`",
    ),
    "mean": (
        "",
        "mean = [nan, 0, 0]",
        ":16: key mean: value [nan, 0, 0]; allowed: 3 numbers in the order of `channels`, taken"
        " off after `scale`",
    ),
    "sha256": (
        "sha256",
        'sha256 = "ABC"',
        ':3: key sha256: value "ABC"; allowed: 64 digits 0-9 a-f, as `sha256sum` prints them',
    ),
    "strides": (
        "strides",
        "strides = []",
        ":10: key strides: value a list of 0; allowed: 1 to 8 whole numbers from 1 to 256",
    ),
    "a label twice": (
        "labels",
        'labels = ["person", "car", "person"]',
        f':11: key labels: "person" stands there twice; allowed: {LABELS}',
    ),
    "no label counts": (
        "labels",
        'labels = ["face", "hand"]',
        ":11: key labels: none folds into person or vehicle; add a [class_map]; allowed: " + LABELS,
    ),
    "labels of another set": (
        "labels",
        'labels = "voc"',
        f':11: key labels: value "voc"; allowed: {LABELS}',
    ),
    "a key of another family": (
        "",
        'columns = ["x1", "y1", "x2", "y2", "score", "class"]',
        ':16: key columns: family "yolox" does not take it; allowed: activation, strides',
    ),
    "a key that the family needs": (
        "family",
        'family = "yolo_fastestv2"',
        f': key anchors: is missing; family "yolo_fastestv2" needs it; allowed: {ANCHORS}',
    ),
    "anchors of two strides for three": (
        "family",
        'family = "yolov5"\nanchors = [[[1, 2], [3, 4]], [[5, 6]]]',
        f":5: key anchors: lists of 2, 1 anchors for 3 strides; allowed: {ANCHORS}",
    ),
    "a column twice": (
        "strides",
        'columns = ["x1", "y1", "x2", "y2", "score", "score"]',
        f':10: key columns: "score" stands there 2 times; allowed: {COLUMNS}',
    ),
    "an extra input's word": (
        "",
        '[extra_inputs]\nsizes = "height"',
        f':17: key extra_inputs.sizes: value "height"; allowed: {EXTRA_INPUTS}',
    ),
    "class_map: an animal": (
        "",
        '[class_map]\nperson = "dog"',
        f':17: key class_map.person: value "dog"; allowed: {CLASS_WORDS}',
    ),
    "class_map: unknown label": (
        "",
        '[class_map]\nhuman = "person"',
        f':16: key class_map: "human" is none of the labels; allowed: {CLASS_WORDS}',
    ),
    "not TOML": (
        "",
        "pad 114",
        ": not valid TOML: Expected '=' after a key in a key/value pair (at line 16, column 5)",
    ),
}


def change(manifest: Path, key: str, line: str) -> None:
    """Put `line` in place of the line that begins with `key`, or at the end."""
    lines = manifest.read_text().splitlines()
    if key:
        lines = [line if old.startswith(f"{key} =") else old for old in lines]
    else:
        lines.append(line)
    manifest.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_manifest_says_where_and_what_is_allowed(case: str, tmp_path: Path) -> None:
    key, line, message = BROKEN[case]
    manifest = write_toy_yolox(tmp_path)
    if case == "a column twice":
        change(manifest, "family", 'family = "end_to_end"')
    change(manifest, key, line)
    with pytest.raises(ModelError) as error:
        load_manifest(manifest)
    assert str(error.value) == f"{manifest}{message}"


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    change(manifest, "family", 'family = "yolov9"')
    change(manifest, "pad", "pad = -1")
    with pytest.raises(ModelError) as error:
        load_manifest(manifest)
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["4", "9"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, ": no such file"),
        (b"\xff\xfe\x00", ": not UTF-8 text; give the manifest (.toml), not the model"),
        (
            b"#" * 100_001,
            ": larger than 100000 bytes; give the manifest (.toml), not the model",
        ),
    ],
)
def test_a_file_that_is_no_manifest(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as error:
        load_manifest(path)
    assert str(error.value) == f"{path}{message}"


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        load_manifest(tmp_path)


def test_what_a_manifest_says(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    change(manifest, "", "scale = 0.5\nmean = [1, 2, 3]\nstd = [2, 4, 8]")
    loaded = load_manifest(manifest)
    assert loaded.file == tmp_path / "toy.onnx"
    assert loaded.model_id == f"toy@{loaded.sha256[:12]}"
    assert loaded.gain_bias == ((0.25, 0.125, 0.0625), (-0.5, -0.5, -0.375))
    assert (loaded.score_threshold, loaded.low_threshold) == (0.5, 0.1)


def test_the_shipped_manifest_describes_yolox_nano() -> None:
    manifest = load_manifest(NANO)
    assert manifest.labels == COCO_LABELS
    assert (manifest.input_wh, manifest.channels, manifest.pad) == ((416, 416), "bgr", 114)
    assert manifest.gain_bias == ((1, 1, 1), (0, 0, 0))
    words = [c.subclass or c.name for c in manifest.class_table.classes]
    assert words == ["person", "bicycle", "car", "motorcycle", "bus", "truck"]


def test_every_key_of_a_manifest_is_documented() -> None:
    page = (NANO.parents[1] / "docs" / "models.md").read_text()
    table = page.partition("## What a manifest says")[2].partition("**Classes.**")[0]
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*?) \|$", table, re.MULTILINE))
    assert list(told) == list(Manifest.model_fields)
    for key, field in Manifest.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else str(default).lower()
        if default is None:
            shown = "see below" if key == "class_map" else "family's"
        assert told[key].strip("`").replace("[", "(").replace("]", ")") == shown, key


def two_inputs(folder: Path) -> Path:
    manifest = write_toy_yolox(folder)
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"])],
        "two",
        [helper.make_tensor_value_info(name, kind, [1, 3, 96, 160]) for name in "ab"],
        [helper.make_tensor_value_info("c", kind, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "toy.onnx")
    return seal(manifest)


def seal(manifest: Path) -> Path:
    """Write the true hash of the model into its manifest."""
    digest = hashlib.sha256((manifest.parent / "toy.onnx").read_bytes()).hexdigest()
    change(manifest, "sha256", f'sha256 = "{digest}"')
    return manifest


def no_file(folder: Path) -> Path:
    manifest = write_toy_yolox(folder)
    (folder / "toy.onnx").unlink()
    return manifest


def torn_file(folder: Path) -> Path:
    manifest = write_toy_yolox(folder)
    with (folder / "toy.onnx").open("r+b") as stream:
        stream.truncate(1000)
    return manifest


def no_model(folder: Path) -> Path:
    manifest = write_toy_yolox(folder)
    shutil.copy(manifest, folder / "toy.onnx")
    return seal(manifest)


def other_size(folder: Path) -> Path:
    manifest = write_toy_yolox(folder)
    change(manifest, "input_wh", "input_wh = [96, 160]")
    return manifest


def other_labels(folder: Path) -> Path:
    manifest = write_toy_yolox(folder)
    change(manifest, "labels", 'labels = ["person", "car"]')
    return manifest


BAD_MODELS = [
    (
        no_file,
        r"model toy: \S+/toy\.onnx: No such file or directory; the key file of its manifest names"
        r" it; the model is not loaded",
    ),
    (
        torn_file,
        r"model toy: \S+/toy\.onnx has sha256 [0-9a-f]{12}…, its manifest says [0-9a-f]{12}…:"
        r" another file or a torn copy; the model is not loaded",
    ),
    (
        no_model,
        r"model toy@[0-9a-f]{12}: \S+/toy\.onnx: ONNX Runtime refuses it: .*; the model is not"
        r" loaded",
    ),
    (
        other_size,
        r"model toy@[0-9a-f]{12}: input images \['batch', 3, 96, 160\] tensor\(float\), not one of"
        r" \[1 or dynamic, 3, 160, 96\] tensor\(float\), tensor\(float16\), tensor\(uint8\) or"
        r" tensor\(int8\) \(\"nchw\", input_wh\); the model is not loaded",
    ),
    (two_inputs, r"model toy@\S+: input a \[.*\] tensor\(float\), b \[.*\] .*; .* not loaded"),
    (
        lambda folder: write_toy_yolox(folder, batch=4),
        r"model toy@\S+: input images \[4, 3, 96, 160\] tensor\(float\), not one of .*",
    ),
    (
        other_labels,
        r"model toy@[0-9a-f]{12}: output \(1, 720, 8\), not \(1, 720, 7\) = \(pictures, anchors of"
        r" the strides, 5 \+ labels\)",
    ),
    (
        lambda folder: write_toy_yolox(folder, merged=True),
        r"model toy@[0-9a-f]{12}: output \(1, 2160, 8\), not \(3, 720, 8\) = \(pictures, anchors"
        r" of the strides, 5 \+ labels\); this export merges the batch into the anchors: export it"
        r" again",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD_MODELS)
def test_a_model_that_does_not_fit_is_refused_at_load(make, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        open_detector(make(tmp_path), plan=Plan(batch=3))
    assert re.fullmatch(message, str(error.value)), str(error.value)


def test_a_provider_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    with pytest.raises(ModelError) as error:
        open_detector(manifest, plan=Plan(), provider="tensorrt")
    assert 'model.provider "tensorrt": the installed ONNX Runtime has only ' in str(error.value)
    assert "cpu" in str(error.value)


@pytest.mark.parametrize(
    ("name", "installed", "chosen"),
    [
        ("auto", ["AzureExecutionProvider", "CPUExecutionProvider"], "CPUExecutionProvider"),
        (
            "auto",
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
            "CUDAExecutionProvider",
        ),
        (
            "auto",
            ["OpenVINOExecutionProvider", "CPUExecutionProvider"],
            "OpenVINOExecutionProvider",
        ),
        ("cpu", ["CUDAExecutionProvider", "CPUExecutionProvider"], "CPUExecutionProvider"),
        (
            "tensorrt",
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
            "TensorrtExecutionProvider",
        ),
    ],
)
def test_the_provider_follows_what_is_installed(
    name: str, installed: list[str], chosen: str
) -> None:
    assert choose_provider(name, installed) == chosen
