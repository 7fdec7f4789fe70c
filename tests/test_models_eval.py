"""`edge-agent models eval`: AP, the best threshold, agreement, on pictures that people boxed."""

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.detect import load_manifest
from edge_agent.errors import UsageError
from tests.boxed_album import FAR, LEFT, RIGHT, Album, needs_evaluator
from tests.detect_support import NANO, SHARED, needs_shared
from tests.toy_model import write_toy_yolox


def evaluate(*options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", "eval", *map(str, options)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout


def report_of(*options: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(evaluate(*options, "--json")[1])
    return report


def row(report: dict[str, Any], name: str, source: str = "all") -> dict[str, Any]:
    (found,) = (r for r in report["precision"] if r["class"] == name and r["source"] == source)
    return found


@pytest.fixture
def town(tmp_path: Path) -> Album:
    """Twenty pictures of a person and a car, all boxed."""
    album = Album(tmp_path / "town", "person", "vehicle")
    for _ in range(20):
        album.add(
            [("person", LEFT), ("car", RIGHT, 0.7)], [("person", LEFT), ("vehicle", RIGHT)],
            split="val", source="east", covers=["person", "vehicle"],
        )  # fmt: skip
    return album


@needs_evaluator
def test_a_detector_that_finds_all_has_an_ap50_of_one(town: Album, tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    report = report_of(manifest, "--data", town.write())
    for name in ("person", "vehicle"):
        found = row(report, name)
        assert (found["pictures"], found["objects"], found["ap50"]) == (20, 20, pytest.approx(1.0))
    assert report["speed"]["threads"] == 1
    assert report["speed"]["wall_ms"] > 0
    assert report["thresholds"][0] == {
        "whose": "the manifest's", "value": 0.5, "f1": 1.0,
        "person": {"threshold": 0.5, "recall": 1.0, "precision": 1.0, "f1": 1.0},
        "vehicle": {"threshold": 0.5, "recall": 1.0, "precision": 1.0, "f1": 1.0},
    }  # fmt: skip


@needs_evaluator
def test_a_class_that_a_picture_does_not_cover_is_no_false_alarm(
    town: Album, tmp_path: Path
) -> None:
    manifest = write_toy_yolox(tmp_path)
    for covers in (["person"], ["person", "vehicle"]):
        town.add(
            [("person", LEFT), ("car", FAR)], [("person", LEFT)], split="val", source="west",
            covers=covers,
        )  # fmt: skip
    report = report_of(manifest, "--data", town.write())
    assert row(report, "person")["ap50"] == pytest.approx(1.0)
    assert row(report, "vehicle")["pictures"] == 21  # one car is false, one is not asked for
    assert row(report, "vehicle")["ap50"] < 1
    assert row(report, "vehicle", "east")["ap50"] == pytest.approx(1.0)
    assert row(report, "vehicle", "west")["ap50"] is None  # no object there
    assert row(report, "person", "west")["objects"] == 2


@needs_evaluator
def test_the_report_for_people_says_what_was_left_out(town: Album, tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    text = manifest.read_text().replace('"truck"', '"bicycle"')
    manifest.write_text(text)
    town.add([("truck", FAR)], [], split="val", source="east", covers=["vehicle"])
    status, out = evaluate(manifest, "--data", town.write(), "--threshold", 0.9)
    assert status == 0
    assert "left out of what was found: bicycle" in out
    assert "asked for" in out
    assert " ms a picture" in out
    person, vehicle = (
        next(line for line in out.splitlines() if f" {name} " in line and " all " in line)
        for name in ("person", "vehicle")
    )
    assert "1.000" in person
    assert "1.000" in vehicle  # the bicycle is no false vehicle


@needs_evaluator
def test_a_model_agrees_with_itself_and_less_with_a_stricter_one(
    town: Album, tmp_path: Path
) -> None:
    manifest = write_toy_yolox(tmp_path)
    strict = tmp_path / "strict.toml"
    text = manifest.read_text().replace("score_threshold = 0.5", "score_threshold = 0.9")
    strict.write_text(text)  # the cars have a score of 0.7
    town.add([("car", FAR, 0.4)], [], split="val", source="east")  # below both thresholds
    data = town.write()
    same = report_of(manifest, "--data", data, "--agree-with", manifest)["agreement"]
    assert (same["both"], same["wanted"], same["found"], same["f1"]) == (40, 40, 40, 1.0)
    other = report_of(manifest, "--data", data, "--agree-with", strict)["agreement"]
    assert (other["both"], other["wanted"], other["found"]) == (20, 20, 40)


@needs_evaluator
def test_the_best_threshold_is_written_only_when_asked(town: Album, tmp_path: Path) -> None:
    for _ in range(5):  # weak false cars, which only a higher threshold leaves out
        town.add([("car", FAR, 0.6)], [], split="val", source="east", covers=["vehicle"])
    manifest = write_toy_yolox(tmp_path)
    text = manifest.read_text().replace(
        "score_threshold = 0.5", "# ours\nscore_threshold = 0.5   # by eye"
    )
    manifest.write_text(text)
    data = town.write()
    status, _ = evaluate(manifest, "--data", data)
    assert status == 0
    assert manifest.read_text() == text
    best = report_of(manifest, "--data", data, "--write")["best_threshold"]
    assert 0.6 < best <= 0.71
    assert manifest.read_text() == text.replace(
        "score_threshold = 0.5 ", f"score_threshold = {best} "
    )
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@needs_evaluator
def test_a_stored_model_stays_whole_when_its_threshold_is_written(
    town: Album, tmp_path: Path
) -> None:
    folder = tmp_path / "store" / "toy"
    folder.mkdir(parents=True)
    manifest = write_toy_yolox(folder)
    digests = [hashlib.sha256(f.read_bytes()).hexdigest() for f in (folder / "toy.onnx", manifest)]
    sums = folder / "SHA256SUMS"
    sums.write_text(f"{digests[0]}  toy.onnx\n{digests[1]}  toy.toml\n")
    for _ in range(5):
        town.add([("car", FAR, 0.6)], [], split="val", source="east", covers=["vehicle"])
    evaluate("toy", "--store", tmp_path / "store", "--data", town.write(), "--write")
    assert load_manifest(manifest).score_threshold > 0.6
    fresh = hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert sums.read_text() == f"{digests[0]}  toy.onnx\n{fresh}  toy.toml\n"


@needs_evaluator
def test_pictures_are_chosen_by_their_source(town: Album, tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    town.add([], [("person", LEFT)], split="val", source="west")
    data = town.write()
    assert row(report_of(manifest, "--data", data, "--source", "east"), "person")["ap50"] == 1.0
    with pytest.raises(UsageError, match="its sources are east, west; north is none of them"):
        evaluate(manifest, "--data", data, "--source", "east", "--source", "north")


@needs_evaluator
def test_a_class_that_the_model_does_not_know_is_not_judged(town: Album, tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    manifest.write_text(manifest.read_text() + '[class_map]\nperson = "person"\n')
    _, out = evaluate(manifest, "--data", town.write())
    assert "the model knows no vehicle: not judged" in out
    report = report_of(manifest, "--data", town.folder)
    assert {r["class"] for r in report["precision"]} == {"person"}
    assert report["thresholds"][0]["f1"] == 1.0  # vehicles do not draw it down


@needs_evaluator
def test_few_objects_choose_no_threshold(tmp_path: Path) -> None:
    album = Album(tmp_path / "few", "person")
    for _ in range(29):
        album.add([("person", LEFT, 0.8)], [("person", LEFT)])
    manifest = write_toy_yolox(tmp_path)
    before = manifest.read_text()
    with pytest.raises(UsageError, match=r"29 objects are too few .* it takes 30"):
        evaluate(manifest, "--data", album.write(), "--write")
    assert manifest.read_text() == before


@needs_evaluator
def test_a_picture_that_cannot_be_read_is_named(town: Album, tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    (town.folder / "images/7.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"7\.png: no picture that can be read"):
        evaluate(manifest, "--data", town.write())


@needs_evaluator
def test_a_model_that_nobody_knows_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no model 'ring-giant' in .*there are: none"):
        evaluate("ring-giant", "--data", tmp_path, "--store", tmp_path)


def test_without_the_evaluator_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r'pip install "edge-agent\[models\]"'):
        evaluate("ring-nano", "--data", tmp_path)


@needs_evaluator
@needs_shared
def test_yolox_nano_has_the_ap50_that_its_table_says(tmp_path: Path) -> None:
    manifest = tmp_path / "nano.toml"
    file = SHARED / "models" / "yolox_nano.onnx"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    lines = [f'file = "{file}"', f'sha256 = "{digest}"']
    rest = [line for line in NANO.read_text().splitlines() if not line.startswith(("file", "sha"))]
    manifest.write_text("\n".join([*lines, *rest]) + "\n")
    report = report_of(manifest, "--data", SHARED / "data")
    # The table of data/SOURCES2.md, by another decoder and evaluator.
    assert row(report, "person")["ap50"] == pytest.approx(0.790, abs=0.01)
    assert row(report, "vehicle")["ap50"] == pytest.approx(0.177, abs=0.01)
    sizes = {(r["class"], r["source"]): r["objects"] for r in report["precision"]}
    assert sizes["person", "all"] == 117 + 76 + 4
    assert sizes["vehicle", "all"] == 25 + 555 + 4
    assert ("vehicle", "penn") not in sizes  # persons only are boxed there
    assert ("person", "aerial") not in sizes
