"""`edge-agent models optimize`: a faster file of the same detector, proven before it is written."""

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import onnxruntime
import tomlkit
import typer

from edge_agent.commands.models.frames import camera_of, collect_images
from edge_agent.config import load
from edge_agent.detect.agreement import Agreement, compare_found
from edge_agent.detect.detector import OnnxDetector
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.errors import ModelError, UsageError
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import FloatArray

_LEAST_PICTURES = 12
_HELD_BACK = 3  # every third picture


def command(
    model: Annotated[Path, typer.Argument(help="The model's manifest (TOML).")],
    frames: Annotated[
        list[str] | None, typer.Option("--frames", help="A video file or a stream; repeatable.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A site file: its cameras' pictures.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Make an 8-bit file too.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the new files go; beside the manifest.")
    ] = None,
    keep_batch: Annotated[
        bool, typer.Option("--keep-batch", help="Leave a batch axis of 1 as it is.")
    ] = False,
    floor: Annotated[
        float, typer.Option(min=0, max=1, help="The F1 that the 8-bit file must keep.")
    ] = 0.9,
    count: Annotated[int, typer.Option(min=_LEAST_PICTURES, help="Pictures for --int8.")] = 96,
    seconds: Annotated[float, typer.Option(min=1, help="How long a stream is read.")] = 60,
) -> None:
    """Write an optimised file of a detector with a dynamic batch, and with --int8 an 8-bit one.

    Each has a manifest of its own; the source stays. Ends with 1, and without the file, where
    outputs differ or too little accuracy is kept.
    """
    if importlib.util.find_spec("onnx") is None:
        raise UsageError(
            "models optimize: needs the package onnx, which the agent does without: "
            'pip install "edge-agent[models]"'
        )
    manifest = load_manifest(model)
    cameras = _cameras(frames or [], config) if int8 else []
    folder = out or model.parent
    targets = [folder / f"{model.stem}-{kind}" for kind in ("optimised", *(["int8"] * int8))]
    _require_free(targets)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".optimize-") as apart:
        plain = Path(apart) / "optimised.onnx"
        _optimise(manifest, plain, keep_batch=keep_batch)
        made = _keep(plain, model, targets[0], "optimised")
        if int8:
            images = collect_images(cameras, manifest, count=count, seconds=seconds)
            small = Path(apart) / "int8.onnx"
            _quantise(load_manifest(made), small, images, floor)
            _keep(small, model, targets[1], "int8")


def _cameras(frames: Sequence[str], config: Path | None) -> list[CameraSettings]:
    cameras = [camera_of(source, number) for number, source in enumerate(frames, 1)]
    if config is not None:
        cameras += load(config).camera
    if not cameras:
        raise UsageError("models optimize: --int8 needs pictures: give --frames or --config")
    return cameras


def _require_free(targets: Sequence[Path]) -> None:
    for target in targets:
        for file in (target.with_name(f"{target.name}{end}") for end in (".onnx", ".toml")):
            if file.exists():
                raise UsageError(f"{file} exists and is not replaced; remove it or give --out")


def _optimise(manifest: Manifest, target: Path, *, keep_batch: bool) -> None:
    """Write the optimised graph. Raises: ModelError where its outputs are not the same."""
    from edge_agent.detect.preparation.graph import fixed_batch, free_batch, write_optimised
    from edge_agent.detect.preparation.proof import cpu_ratio, open_single, output_fault

    original = open_single(manifest)
    write_optimised(manifest.file, target)
    changed = []
    if not keep_batch and fixed_batch(target):
        changed = free_batch(target)
        print(f"batch axis made dynamic, {len(changed)} places of the graph changed")
    prepared = open_single(_with_file(manifest, target))
    fault = output_fault(original, prepared, manifest)
    if fault is not None:
        advice = "; --keep-batch leaves the batch axis as it is" if changed else ""
        print(f"not written: {fault}; the outputs are not the same{advice}")
        raise typer.Exit(1)
    ratio, ms = cpu_ratio(original, prepared, manifest)
    alone = "alone (one picture a run)" if prepared.one_by_one else "alone and in a batch"
    print(f"outputs equal, {alone}; CPU of a picture {ratio:.2f} of {ms:.1f} ms, one thread")


def _quantise(manifest: Manifest, target: Path, images: Sequence[FloatArray], floor: float) -> None:
    """Write the 8-bit graph and judge it on the pictures held back."""
    from edge_agent.detect.preparation.proof import cpu_ratio, open_single
    from edge_agent.detect.preparation.quantise import write_int8

    if len(images) < _LEAST_PICTURES:
        raise UsageError(
            f"models optimize: {len(images)} pictures came, --int8 needs {_LEAST_PICTURES}; "
            "give longer clips or more --seconds"
        )
    held = images[_HELD_BACK - 1 :: _HELD_BACK]
    given = [image for i, image in enumerate(images) if i % _HELD_BACK != _HELD_BACK - 1]
    original = open_single(manifest)
    in_float = write_int8(manifest.file, target, original.input_name, given)
    small = _with_file(manifest, target)
    prepared = open_single(small)
    judged = compare_found(
        (OnnxDetector(manifest, original, Plan()).find_prepared(image[None])[0],
         OnnxDetector(small, prepared, Plan()).find_prepared(image[None])[0])
        for image in held
    )  # fmt: skip
    ratio, ms = cpu_ratio(original, prepared, manifest)
    print(f"int8 from {len(given)} pictures, {in_float} convolutions left in float")
    print("\n".join(agreement_lines(judged)))
    print(f"CPU of a picture {ratio:.2f} of {ms:.1f} ms, one thread on this processor")
    if judged.wanted == 0 or judged.f1 < floor:
        why = (
            "no object in the pictures held back, so nothing to judge by; give busier ones"
            if judged.wanted == 0
            else f"F1 {judged.f1:.3f} is below the floor of {floor:g}"
        )
        print(f"not written: {why}")
        raise typer.Exit(1)


def agreement_lines(judged: Agreement) -> list[str]:
    """Return what was kept of the accuracy, in words."""
    return [
        f"agreement with float on {judged.pictures} pictures held back, {judged.wanted} boxes: "
        f"recall {judged.recall:.3f}, precision {judged.precision:.3f}, F1 {judged.f1:.3f}",
        f"scores of the boxes of both: {judged.score_shift:+.3f} on average, "
        f"{judged.score_spread:.3f} apart",
    ]


def _with_file(manifest: Manifest, file: Path) -> Manifest:
    return manifest.model_copy(update={"file": file, "sha256": _digest(file)})


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _keep(file: Path, source: Path, target: Path, kind: str) -> Path:
    """Move `file` to its place and write a manifest beside it; return the manifest."""
    document = tomlkit.parse(source.read_text(encoding="utf-8-sig"))
    document["name"] = f"{document['name']}-{kind}"
    document["file"] = f"{target.name}.onnx"
    document["sha256"] = _digest(file)
    told = f"# Made of {source.name} by `edge-agent models optimize`, "
    told += f"with ONNX Runtime {onnxruntime.__version__}: for this version and newer ones.\n"
    manifest = target.with_name(f"{target.name}.toml")
    os.replace(file, target.with_name(f"{target.name}.onnx"))
    manifest.write_text(told + tomlkit.dumps(document), encoding="utf-8")
    print(f"written: {manifest} and {target.name}.onnx")
    try:
        load_manifest(manifest)
    except ModelError:
        manifest.unlink()
        raise
    return manifest
