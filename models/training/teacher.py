"""The teacher: three published detectors whose boxes are fused.

PicoDet-S, DEIMv2-Femto and YOLOX-Nano (all Apache-2.0), each as its project describes its input
and output. Fusion: Solovyev et al., Weighted Boxes Fusion, Image and Vision Computing 2021; a
box's score is the mean over the three, 0 where one is silent.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

BICYCLE = 2  # after PERSON and VEHICLE of `labels`
#: COCO's numbers of what we ask for, and what they are to us.
_OURS = {0: 0, 2: 1, 3: 1, 5: 1, 7: 1, 1: BICYCLE}
_SIDE = 416
_FLOOR = 0.05  # weaker boxes are not fused
_VIEW_IOU, _FUSE_IOU = 0.6, 0.55

Rows = NDArray[np.float32]  # (n, 6): x1 y1 x2 y2 score class


class Teacher:
    """Three sessions; `look` gives the fused boxes of a picture."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._pico = _open(folder / "picodet_s_416.onnx", threads)
        self._deim = _open(folder / "deimv2_femto.onnx", threads)
        self._yolox = _open(folder / "yolox_nano.onnx", threads)

    def look(self, bgr: NDArray[np.uint8], *, thorough: bool = False) -> Rows:
        """Return fused rows by falling score, px of the picture.

        A thorough look also sees the mirror image and, for small objects, four overlapping tiles.
        """
        views = list(_views(bgr.shape[1], bgr.shape[0], thorough))
        found = []
        for see in (self._see_pico, self._see_deim, self._see_yolox):
            rows = np.concatenate([_through(view, bgr, see) for view in views])
            found.append(suppress(rows, _VIEW_IOU))
        return fuse(found)

    def _see_pico(self, bgr: NDArray[np.uint8]) -> Rows:
        rgb = cv2.resize(bgr, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)[..., ::-1] / 255.0
        rgb = (rgb - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        outputs = self._pico.run(None, {self._pico.get_inputs()[0].name: _batch(rgb)})
        rows = []
        for level, stride in enumerate((8, 16, 32, 64)):
            score, distance = outputs[level][0], outputs[level + 4][0]
            side = -(-_SIDE // stride)
            rows.append(_pico_rows(score, distance, side, stride))
        return _scaled(np.concatenate(rows), bgr.shape[1] / _SIDE, bgr.shape[0] / _SIDE)

    def _see_deim(self, bgr: NDArray[np.uint8]) -> Rows:
        rgb = cv2.resize(bgr, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)[..., ::-1] / 255.0
        size = np.array([[bgr.shape[1], bgr.shape[0]]], np.int64)
        label, xyxy, score = self._deim.run(
            None, {"images": _batch(rgb), "orig_target_sizes": size}
        )
        return _folded(xyxy[0], score[0], label[0])

    def _see_yolox(self, bgr: NDArray[np.uint8]) -> Rows:
        ratio = _SIDE / max(bgr.shape[:2])
        wh = (max(1, int(bgr.shape[1] * ratio)), max(1, int(bgr.shape[0] * ratio)))
        image = np.full((_SIDE, _SIDE, 3), 114.0)
        image[: wh[1], : wh[0]] = cv2.resize(bgr, wh, interpolation=cv2.INTER_AREA)
        raw = self._yolox.run(None, {"images": _batch(image)})[0][0]
        cells, strides = [], []
        for stride in (8, 16, 32):
            y, x = np.mgrid[: _SIDE // stride, : _SIDE // stride]
            cells.append(np.stack((x.ravel(), y.ravel()), 1))
            strides.append(np.full((x.size, 1), stride))
        stride_px = np.concatenate(strides)
        centre = (raw[:, :2] + np.concatenate(cells)) * stride_px
        half = np.exp(raw[:, 2:4]) * stride_px / 2
        by_label = raw[:, 5:] * raw[:, 4:5]
        rows = _folded(
            np.concatenate((centre - half, centre + half), 1), by_label.max(1), by_label.argmax(1)
        )
        return _scaled(suppress(rows, _VIEW_IOU), bgr.shape[1] / wh[0], bgr.shape[0] / wh[1])


def _open(path: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # PicoDet lists its weights as inputs and warns for each
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _batch(image: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


def _pico_rows(score: NDArray[Any], distance: NDArray[Any], side: int, stride: int) -> Rows:
    y, x = np.mgrid[:side, :side]
    centre = np.stack((x.ravel(), y.ravel()), 1) * stride + (stride - 1) / 2
    bins = np.exp(distance.reshape(-1, 4, 8) - distance.reshape(-1, 4, 8).max(2, keepdims=True))
    reach = (bins / bins.sum(2, keepdims=True)) @ np.arange(8) * stride
    xyxy = np.concatenate((centre - reach[:, :2], centre + reach[:, 2:]), 1)
    return suppress(_folded(xyxy, score.max(1), score.argmax(1)), _VIEW_IOU)


def _folded(xyxy: NDArray[Any], score: NDArray[Any], label: NDArray[Any]) -> Rows:
    ours = np.array([_OURS.get(int(k), -1) for k in label])
    kept = (ours >= 0) & (score >= _FLOOR)
    return np.concatenate((xyxy, score[:, None], ours[:, None]), 1)[kept].astype(np.float32)


def _scaled(rows: Rows, x: float, y: float) -> Rows:
    return rows * np.array([x, y, x, y, 1, 1], np.float32)


def _views(w: int, h: int, thorough: bool) -> Iterable[tuple[int, int, int, int, bool]]:
    yield 0, 0, w, h, False
    if thorough:
        yield 0, 0, w, h, True
        tile_w, tile_h = int(w * 0.58), int(h * 0.58)
        for x in (0, w - tile_w):
            for y in (0, h - tile_h):
                yield x, y, x + tile_w, y + tile_h, False


def _through(
    view: tuple[int, int, int, int, bool],
    bgr: NDArray[np.uint8],
    see: Callable[[NDArray[np.uint8]], Rows],
) -> Rows:
    x1, y1, x2, y2, mirrored = view
    part = np.ascontiguousarray(bgr[y1:y2, x1:x2, :][:, ::-1] if mirrored else bgr[y1:y2, x1:x2])
    rows = see(part)
    w, h = x2 - x1, y2 - y1
    if mirrored:
        rows[:, [0, 2]] = w - rows[:, [2, 0]]
    # What a tile's inner edge cuts is seen whole in another view.
    whole = np.ones(len(rows), bool)
    for column, edge, inner in ((0, 0, x1 > 0), (1, 0, y1 > 0), (2, w, x2 < bgr.shape[1]),
                                (3, h, y2 < bgr.shape[0])):  # fmt: skip
        if inner:
            whole &= np.abs(rows[:, column] - edge) > 3
    rows[:, :4] += (x1, y1, x1, y1)
    return rows[whole]


def overlaps(box: Rows, others: Rows) -> NDArray[np.float32]:
    """Return the IoU of one box (4,) with others (n, 4 or more)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:4], others[:, 2:4])
    inter = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(others[:, 2:4] - others[:, :2], axis=1) + np.prod(box[2:4] - box[:2])
    return np.asarray(inter / np.maximum(area - inter, 1e-9), np.float32)


def suppress(rows: Rows, iou: float) -> Rows:
    """Return rows without those that a stronger one of the same class overlaps."""
    rows, kept = rows[np.argsort(-rows[:, 4], kind="stable")], []
    while len(rows):
        first, rest = rows[0], rows[1:]
        kept.append(first)
        rows = rest[(overlaps(first, rest) < iou) | (rest[:, 5] != first[5])]
    return np.array(kept, np.float32).reshape(-1, 6)


def fuse(found: list[Rows]) -> Rows:
    """Return one row for each object that any of the models sees, by falling score."""
    tagged = [np.column_stack((rows, np.full(len(rows), i))) for i, rows in enumerate(found)]
    rows = np.concatenate(tagged)
    rows, fused = rows[np.argsort(-rows[:, 4], kind="stable")], []
    while len(rows):
        near = (overlaps(rows[0], rows) >= _FUSE_IOU) & (rows[:, 5] == rows[0, 5])
        near[0] = True
        _, first = np.unique(rows[near][:, 6], return_index=True)
        one = rows[near][first]  # the strongest of each model
        box = (one[:, :4] * one[:, 4:5]).sum(0) / one[:, 4].sum()
        fused.append([*box, one[:, 4].sum() / len(found), rows[0, 5]])
        rows = rows[~near]
    result = np.array(fused, np.float32).reshape(-1, 6)
    return result[np.argsort(-result[:, 4], kind="stable")]
