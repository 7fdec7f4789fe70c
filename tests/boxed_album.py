"""Painted pictures with COCO-style annotations, for what judges a detector."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.toy_model import paint

needs_evaluator = pytest.mark.skipif(
    importlib.util.find_spec("faster_coco_eval") is None, reason="needs faster-coco-eval from PyPI"
)

LEFT, RIGHT = (60.0, 80.0, 200.0, 300.0), (400.0, 60.0, 560.0, 220.0)
FAR = (300.0, 240.0, 380.0, 320.0)


class Album:
    """A folder of painted pictures and their annotations, COCO style."""

    def __init__(self, folder: Path, *categories: str) -> None:
        self.folder = folder
        self.images: list[dict[str, Any]] = []
        self.boxes: list[dict[str, Any]] = []
        self.categories = [{"id": n, "name": name} for n, name in enumerate(categories, 1)]

    def add(self, blobs: list[Any], truth: list[tuple[Any, ...]], **about: Any) -> None:
        """Paint `blobs`; truth (category, xyxy) or (category, xyxy, iscrowd)."""
        number = len(self.images) + 1
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(self.folder / f"images/{number}.png"), paint((640, 384), *blobs))
        self.images.append({"id": number, "file_name": f"images/{number}.png", **about})
        ids = {c["name"]: c["id"] for c in self.categories}
        for name, (x1, y1, x2, y2), *crowd in truth:
            self.boxes.append(
                {"id": len(self.boxes) + 1, "image_id": number, "category_id": ids[name],
                 "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": crowd[0] if crowd else 0}
            )  # fmt: skip

    def write(self, file: str = "annotations.json") -> Path:
        target = self.folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            json.dumps(
                {"images": self.images, "annotations": self.boxes, "categories": self.categories}
            )
        )
        return self.folder
