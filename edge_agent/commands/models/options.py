"""What `models inspect` and `models add` share: their options, and the words about a model."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.detect.labels import LABEL_SETS
from edge_agent.detect.recognise.guard import Inspected
from edge_agent.detect.recognise.inspection import printable
from edge_agent.detect.recognise.verdict import certainty_word
from edge_agent.errors import UsageError
from edge_agent.types import Json, Wh

Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="The labels in the output's order: coco, coco91, a,b,c or a file with one a line.",
    ),
]
ClassMap = Annotated[
    list[str] | None,
    typer.Option(
        "--class-map",
        help="LABEL=CLASS, such as van=vehicle/car or helmet=ignored; repeatable.",
    ),
]
Pictures = Annotated[
    list[Path] | None,
    typer.Option("--picture", help="A picture of yours for the self-test; repeatable."),
]
Expected = Annotated[
    list[str] | None,
    typer.Option("--expect", help="What is in the --picture of the same place; repeatable."),
]
InputWh = Annotated[
    str | None,
    typer.Option("--input-wh", help="Width and height such as 416x256, where the net takes any."),
]
Patience = Annotated[
    float,
    typer.Option(min=0.1, max=1000, help="Times the time a model may take to load and run."),
]

_MOST_LABELS_BYTES = 1_000_000
_MOST_TENSORS = 12  # that are told


def read_labels(text: str | None) -> list[str] | None:
    """Return the labels that `--labels` gives. Raises: UsageError."""
    if text is None:
        return None
    if text in LABEL_SETS:
        return list(LABEL_SETS[text])
    if Path(text).is_file():
        labels = _labels_of_file(Path(text))
    else:
        labels = [label.strip() for label in text.split(",")]
    if not labels or not all(labels):
        raise UsageError(f"--labels {text}: an empty label; give coco, a file or a,b,c")
    return labels


def _labels_of_file(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _MOST_LABELS_BYTES:
            raise UsageError(f"--labels {file}: larger than {_MOST_LABELS_BYTES} bytes")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--labels {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--labels {file}: no UTF-8 text; give one label a line") from None
    if text.lstrip().startswith("["):
        try:
            return [str(label) for label in json.loads(text)]
        except ValueError:
            raise UsageError(f"--labels {file}: no JSON list; give one label a line") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_class_map(pairs: Sequence[str] | None) -> dict[str, str] | None:
    """Return the table that `--class-map` gives. Raises: UsageError."""
    if not pairs:
        return None
    class_map = {}
    for pair in pairs:
        label, equals, word = pair.rpartition("=")
        if not equals or not label or not word:
            raise UsageError(f"--class-map {pair}: give LABEL=CLASS, such as van=vehicle/car")
        class_map[label] = word
    return class_map


def pair_pictures(
    pictures: Sequence[Path] | None, expected: Sequence[str] | None
) -> list[tuple[Path, str]]:
    """Return each picture with what is in it. Raises: UsageError where the numbers differ."""
    pictures, expected = pictures or [], expected or []
    if len(pictures) != len(expected):
        raise UsageError(
            f"{len(pictures)} --picture and {len(expected)} --expect; give one --expect for each"
        )
    for picture in pictures:
        if not picture.is_file():
            raise UsageError(f"--picture {picture}: no such file")
    return list(zip(pictures, expected, strict=True))


def read_wh(text: str | None) -> Wh | None:
    """Return the size that `--input-wh` gives. Raises: UsageError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})[x×,](\d{1,4})", text)
    if match is None or not all(8 <= int(side) <= 8192 for side in match.groups()):
        raise UsageError(f"--input-wh {text}: give WIDTHxHEIGHT, each 8 to 8192, such as 416x256")
    return int(match[1]), int(match[2])


def require_file(file: Path) -> None:
    """Raise UsageError where there is nothing at `file`."""
    if not file.exists():
        raise UsageError(f"{file}: no such file; give the .onnx file of a detector")


def describe(file: Path, inspected: Inspected) -> list[str]:
    """Return what is known of a model, a line each."""
    found, wire = inspected.inspection, inspected.wire
    made = f"opset {wire.opset}" if wire.opset else "opset not told"
    lines = [
        f"{file.name}: {file.stat().st_size / 1e6:.1f} MB, {made}"
        + (f", by {wire.producer}" if wire.producer else "")
        + f"; one picture takes {found.run_ms:.0f} ms on one thread",
        f"input: {_few(found.inputs)}",
        f"output: {_few(found.outputs)}",
        f"family: {found.family} ({found.title}): {found.why}",
    ]
    lines += [_choice_words(choice) for choice in found.choices]
    lines += [*found.notes, f"licence: {found.values['licence']}"]
    lines.append(f"self-test {found.verdict}")
    lines.append(f"certainty: {found.certainty:.2f}, {certainty_word(found.certainty)}")
    return [printable(line) for line in lines]


def _few(tensors: Sequence[str]) -> str:
    more = len(tensors) - _MOST_TENSORS
    return "; ".join(tensors[:_MOST_TENSORS]) + (f"; and {more} more" if more > 0 else "")


def _choice_words(choice: Sequence[Json]) -> str:
    """Return what was tried for a key: `channels: "bgr" 0.52, not "rgb" 0.38`."""
    key, told_apart, tried = choice
    words = [f"{_value(value)} {strength:.2f}" for value, strength in tried]
    if len(words) == 1:
        return f"tried {key}: {words[0]}"
    doubt = "" if told_apart else "; hardly differs here"
    return f"tried {key}: {words[0]}, not {', '.join(words[1:])}{doubt}"


def _value(value: Json) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
