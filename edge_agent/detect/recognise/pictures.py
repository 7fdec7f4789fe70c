"""The pictures of the self-test: the built-in ones, and a user's own."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_agent.errors import ModelError
from edge_agent.types import ByteArray, FloatArray

_FOLDER = Path(__file__).with_name("pictures")

#: How certain a picture makes: a net that sees rendered bodies only may be right or a toy.
PHOTOGRAPH, RENDERED, OWN = "photograph", "rendered", "own"


@dataclass(frozen=True, slots=True, eq=False)
class TestPicture:
    """A picture and what is to be found in it."""

    name: str
    kind: str  # photograph, rendered or own
    bgr: ByteArray  # (h, w, 3)
    classes: tuple[str, ...]  # person or vehicle, for each row of `xyxy`
    xyxy: FloatArray  # (N, 4)
    unsure: FloatArray  # (M, 4) boxes that count neither way
    label: str | None = None  # of an own picture: a class that must be in it, anywhere


def builtin_pictures() -> list[TestPicture]:
    """Return the pictures that come with the agent, photographs first."""
    with (_FOLDER / "pictures.toml").open("rb") as stream:
        rows = tomllib.load(stream)["picture"]
    return [_builtin(row) for row in rows]


def _builtin(row: dict[str, Any]) -> TestPicture:
    return TestPicture(
        row["file"],
        row["kind"],
        _read(_FOLDER / row["file"]),
        tuple(item["class"] for item in row["expected"]),
        _boxes([item["xyxy"] for item in row["expected"]]),
        _boxes(row.get("unsure", [])),
    )


def own_picture(file: Path, label: str) -> TestPicture:
    """Return a user's picture in which `label` is to be found. Raises: ModelError."""
    return TestPicture(file.name, OWN, _read(file), (), _boxes([]), _boxes([]), label)


def _read(file: Path) -> ByteArray:
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise ModelError(f"picture {file}: {error.strerror}; nothing is tested") from None
    bgr = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if bgr is None:
        raise ModelError(f"picture {file}: no picture that can be read (JPEG, PNG, …)")
    return np.asarray(bgr, np.uint8)


def _boxes(rows: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, 4)
