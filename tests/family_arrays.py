"""What detectors of each layout put out, from a seed: arrays of one picture."""

from collections.abc import Callable

import numpy as np

LABELS = ("cat", "person", "car", "truck", "dog")
WH = (128, 64)
STRIDES = [8, 16, 32]


def cells(strides=STRIDES, wh=WH) -> int:
    return sum(-(-wh[0] // s) * -(-wh[1] // s) for s in strides)


def scores(rng, *shape: int) -> np.ndarray:
    """Mostly small, some large, as a detector's are."""
    return (rng.random(shape) ** 6).astype(np.float32)


def centres(rng, count: int, *, normalised: bool = False) -> np.ndarray:
    wh = np.array(WH)
    centre = rng.random((count, 2)) * wh
    sides = 4 + rng.random((count, 2)) * wh / 2
    boxes = np.concatenate((centre, sides), axis=1)
    return (boxes / np.tile(wh, 2) if normalised else boxes).astype(np.float32)


def corners(rng, count: int, *, normalised: bool = False) -> np.ndarray:
    boxes = centres(rng, count, normalised=normalised)
    half = boxes[:, 2:] / 2
    return np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)


def whole(rng, count: int, labels: int = len(LABELS)) -> np.ndarray:
    return rng.integers(0, labels, count)


def packed(rng, count: int, objectness: int, **kind: bool) -> np.ndarray:
    """Rows of a centred box, an objectness where there is one, and label scores."""
    parts = [centres(rng, count, **kind), scores(rng, count, objectness + len(LABELS))]
    if objectness:
        parts[1][:, 0] **= 0.25
    return np.concatenate(parts, axis=1)


def heads(rng, arrange: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    made = {}
    for stride in STRIDES:
        raw = rng.normal(0, 1.5, (3, WH[1] // stride, WH[0] // stride, 5 + len(LABELS)))
        made[f"head{stride}"] = arrange(raw.astype(np.float32))[None]
    return made


def bins(rng, count: int, each: int) -> np.ndarray:
    return rng.normal(0, 2, (count, 4 * each)).astype(np.float32)


def apart(rng, strides, each: int, *, images: bool = False, logits: bool = False, **kind):
    """Scores of each stride, then bins of each stride, as rows or as (channels, h, w)."""
    made = {}
    for what in ("cls", "dis"):
        for stride in strides:
            w, h = -(-WH[0] // stride), -(-WH[1] // stride)
            if what == "cls" and logits:
                rows = rng.normal(-2, 1.5, (w * h, len(LABELS))).astype(np.float32)
            elif what == "cls":
                rows = scores(rng, w * h, len(LABELS))
            else:
                rows = bins(rng, w * h, each)
            made[f"{what}{stride}"] = (rows.T.reshape(-1, h, w) if images else rows)[None]
    return made


def together(rng, strides, each: int) -> dict[str, np.ndarray]:
    count = cells(strides)
    rows = np.concatenate((scores(rng, count, len(LABELS)), bins(rng, count, each)), axis=1)
    return {"output": rows[None]}


def finished_rows(rng, columns: list[str], count: int = 30, **kind: bool) -> np.ndarray:
    parts = dict(zip(("x1", "y1", "x2", "y2"), corners(rng, count, **kind).T, strict=True))
    parts |= {"score": np.sort(rng.random(count))[::-1], "class": whole(rng, count)}
    parts["batch"] = np.zeros(count)
    return np.stack([parts[c] for c in columns], axis=1).astype(np.float32)


def padded(rows: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate((rows, np.zeros((count, *rows.shape[1:]), rows.dtype)))


def detection_output(rng) -> np.ndarray:
    columns = ["batch", "class", "score", "x1", "y1", "x2", "y2"]
    rows = padded(finished_rows(rng, columns, normalised=True), 5)
    rows[30, 0] = -1  # the end of the rows
    return rows[None, None]


def tensorflow(rng) -> dict[str, np.ndarray]:
    xyxy = corners(rng, 30, normalised=True)
    return {
        "detection_boxes": padded(xyxy[:, [1, 0, 3, 2]], 10)[None],
        "detection_classes": np.pad(whole(rng, 30), (0, 10)).astype(np.float32)[None],
        "detection_scores": np.pad(rng.random(30), (0, 10)).astype(np.float32)[None],
        "num_detections": np.array([30], np.float32),
    }


def tensorflow2(rng) -> dict[str, np.ndarray]:
    told = tensorflow(rng)
    boxes, labels, score, count = told.values()
    return {
        "detection_anchor_indices": rng.permutation(40).astype(np.float32)[None],
        "detection_boxes": boxes,
        "detection_classes": labels,
        "detection_multiclass_scores": scores(rng, 1, 40, len(LABELS) + 1),
        "detection_scores": score,
        "num_detections": count,
        "raw_detection_boxes": corners(rng, 90, normalised=True)[None],
        "raw_detection_scores": scores(rng, 1, 90, len(LABELS) + 1),
    }


def fastestdet(rng) -> dict[str, np.ndarray]:
    h, w = WH[1] // 16, WH[0] // 16
    labels = np.exp(rng.normal(0, 3, (len(LABELS), h, w)))
    grid = [rng.random((1, h, w)), rng.normal(0, 1, (4, h, w)), labels / labels.sum(axis=0)]
    return {"grid": np.concatenate(grid).astype(np.float32)[None]}


def fastestv2(rng, *, channels_first: bool) -> dict[str, np.ndarray]:
    made = {}
    for stride in (16, 32):
        h, w = WH[1] // stride, WH[0] // stride
        labels = np.exp(rng.normal(0, 3, (h, w, len(LABELS))))
        labels /= labels.sum(axis=2, keepdims=True)
        head = np.concatenate((rng.random((h, w, 15)), labels), axis=2).astype(np.float32)
        made[f"head{stride}"] = (head.transpose(2, 0, 1) if channels_first else head)[None]
    return made


def yolox(rng) -> dict[str, np.ndarray]:
    rows = np.concatenate(
        (rng.normal(0.5, 0.7, (cells(), 2)), rng.normal(0, 0.7, (cells(), 2)),
         scores(rng, cells(), 1) ** 0.25, scores(rng, cells(), len(LABELS))), axis=1
    )  # fmt: skip
    return {"output": rows.astype(np.float32)[None]}


def tensorrt(rng) -> dict[str, np.ndarray]:
    return {
        "num_dets": np.array([[20]], np.int32),
        "det_boxes": corners(rng, 30)[None],
        "det_scores": np.sort(rng.random(30))[::-1].astype(np.float32)[None],
        "det_classes": whole(rng, 30).astype(np.int32)[None],
    }


def yolox_heads(rng) -> dict[str, np.ndarray]:
    rows = np.split(yolox(rng)["output"][0], np.cumsum([cells([s]) for s in STRIDES])[:-1])
    sides = [(WH[1] // s, WH[0] // s) for s in STRIDES]
    return {
        f"head{stride}": part.T.reshape(1, -1, *hw).copy()
        for stride, part, hw in zip(STRIDES, rows, sides, strict=True)
    }
