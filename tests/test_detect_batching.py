"""A model is batched only where a batch finds what single pictures find."""

import hashlib
from pathlib import Path

import pytest

from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.batching import batch_fault, paint_images
from edge_agent.detect.session import Session
from edge_agent.errors import ModelError
from edge_agent.settings import Plan
from tests.detect_support import SHARED, frame_of, nano_manifest, needs_shared
from tests.toy_model import paint, write_toy_yolox


def fault_of(manifest: Path, batch: int = 4) -> str | None:
    loaded = load_manifest(manifest)
    return batch_fault(Session(loaded, threads=1, provider="cpu"), loaded, batch)


@pytest.mark.parametrize("toy", [{}, {"half": True}, {"batch": 1}], ids=["float", "half", "fixed"])
def test_a_float_model_may_be_batched(toy: dict, tmp_path: Path) -> None:
    assert fault_of(write_toy_yolox(tmp_path, **toy)) is None


def test_a_scale_shared_by_the_batch_is_seen(tmp_path: Path) -> None:
    fault = fault_of(write_toy_yolox(tmp_path, dynamic_int8=True))
    assert fault is not None
    assert "is not what single pictures give" in fault
    assert "dynamically quantised" in fault


def test_an_export_that_merges_the_batch_is_seen(tmp_path: Path) -> None:
    fault = fault_of(write_toy_yolox(tmp_path, merged=True))
    assert fault == "output 0 has the shape (1, 2880, 8), not (4, 720, 8)"


def test_a_forced_batch_of_such_a_model_is_refused(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path, dynamic_int8=True)
    with pytest.raises(ModelError) as error:
        open_detector(manifest, plan=Plan(batch=4))
    assert "cannot be run with batch 4: output 0 is not what single pictures give" in str(
        error.value
    )
    assert "set batch = 1 or leave it out; the model is not loaded" in str(error.value)
    alone = open_detector(manifest, plan=Plan())
    bgr = paint((640, 360), ("person", (100, 80, 160, 220)))
    assert len(alone.detect([frame_of(bgr)], 0).score) == 1


def test_the_painted_pictures_differ_and_keep_to_the_models_range(tmp_path: Path) -> None:
    images = paint_images(load_manifest(write_toy_yolox(tmp_path)), 3)
    assert images.shape == (3, 3, 96, 160)
    spans = [float(image.max() - image.min()) for image in images]
    assert spans == sorted(spans)
    assert 0 <= images.min() < images.max() <= 255
    assert spans[0] < 30 < 240 < spans[2]


@needs_shared
@pytest.mark.parametrize(
    "file", ["yolox_nano-raw-dyn", "yolox_nano-raw-fp16-dyn", "yolox_nano-raw-int8qdq-dyn"]
)
def test_float_and_statically_quantised_exports_may_be_batched(file: str, tmp_path: Path) -> None:
    path = SHARED / "models" / f"{file}.onnx"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert fault_of(nano_manifest(tmp_path, path.name, digest), batch=3) is None


@needs_shared
def test_a_dynamically_quantised_network_may_not(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    path = tmp_path / "dynamic.onnx"
    quantize_dynamic(SHARED / "models" / "yolox_nano-raw-dyn.onnx", path)
    manifest = nano_manifest(tmp_path, path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    text = manifest.read_text().replace(str(SHARED / "models" / path.name), str(path))
    manifest.write_text(text)
    fault = fault_of(manifest, batch=3)
    assert fault is not None
    assert "is not what single pictures give" in fault
