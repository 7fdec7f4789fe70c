"""Shards: pictures as raw bytes in one memory-mapped file, labels in an index beside it.

To decode a JPEG for each of a mosaic's four pictures would cost more than the training step.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from models.training.labels import Labels, Picture, joined


class Shard:
    """A finished shard, opened for reading; pictures are views of the mapped file."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        index = np.load(folder / "index.npz")
        self._offset, self._wh, self._known = index["offset"], index["wh"], index["known"]
        self._splits = index["splits"]
        self._labels = Labels(index["xyxy"], index["class_id"], index["score"], index["ignore"])
        self.sources: list[str] = json.loads((folder / "sources.json").read_text())
        self._pixels = np.memmap(folder / "pixels.u8", np.uint8, "r")

    def __len__(self) -> int:
        return len(self._offset)

    def picture(self, number: int) -> Picture:
        """Return a picture; its pixels may not be written to."""
        w, h = (int(v) for v in self._wh[number])
        start = int(self._offset[number])
        bgr = self._pixels[start : start + w * h * 3].reshape(h, w, 3)
        rows = np.arange(self._splits[number], self._splits[number + 1])
        return Picture(bgr, self._labels.keep(rows), self._known[number], self.sources[number])


def write_shard(folder: Path, pictures: Iterable[Picture], longest: int) -> int:
    """Write pictures, scaled down to at most `longest` px a side; return how many.

    The index is written last: a folder without it is not a shard.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.npz").unlink(missing_ok=True)
    offset, wh, known, labels, sources, at = [], [], [], [], [], 0
    with (folder / "pixels.u8").open("wb") as stream:
        for picture in pictures:
            small = shrunk(picture, longest)
            stream.write(np.ascontiguousarray(small.bgr).tobytes())
            offset.append(at)
            at += small.bgr.size
            wh.append((small.bgr.shape[1], small.bgr.shape[0]))
            known.append(small.known)
            labels.append(small.labels)
            sources.append(small.source)
    (folder / "sources.json").write_text(json.dumps(sources))
    together = joined(labels)
    np.savez(
        folder / "index.npz",
        offset=np.array(offset, np.int64), wh=np.array(wh, np.int32).reshape(-1, 2),
        known=np.array(known, np.bool_).reshape(-1, 2),
        splits=np.cumsum([0, *(len(part) for part in labels)]),
        xyxy=together.xyxy, class_id=together.class_id, score=together.score,
        ignore=together.ignore,
    )  # fmt: skip
    return len(offset)


def shrunk(picture: Picture, longest: int) -> Picture:
    """Return the picture at most `longest` px wide and high."""
    h, w = picture.bgr.shape[:2]
    if max(w, h) <= longest:
        return picture
    to = (max(1, round(w * longest / max(w, h))), max(1, round(h * longest / max(w, h))))
    bgr = cv2.resize(picture.bgr, to, interpolation=cv2.INTER_AREA)
    factor = np.array([to[0] / w, to[1] / h] * 2, np.float32)
    labels = picture.labels.moved(picture.labels.xyxy * factor, picture.labels.ignore)
    return Picture(bgr.astype(np.uint8), labels, picture.known, picture.source)
