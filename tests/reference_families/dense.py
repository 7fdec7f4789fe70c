"""One row or column an anchor: YOLOX, YOLOv5 and v7, YOLOv8 and after, boxes beside scores."""

from tests import reference_yolox
from tests.reference_families.plain import Outputs, Task, best, from_centre, sigmoid, softmax
from tests.reference_yolox import Box


def yolox(outputs: Outputs, task: Task) -> list[Box]:
    strides = task.options.get("strides", (8, 16, 32))
    rows = outputs[0].tolist()
    return reference_yolox.decode(rows, task.input_wh, strides, task.counted, task.threshold)


def yolov5(outputs: Outputs, task: Task) -> list[Box]:
    """cx cy w h objectness labels, all done; the output of that width counts."""
    rows = next(o for o in outputs if o.ndim == 2 and o.shape[1] == 5 + task.labels)
    found = []
    for row in rows.astype(float).tolist():
        score, label = best(row[5:], task)
        if row[4] * score >= task.threshold:
            found.append(from_centre(*in_pixels(row[:4], task), row[4] * score, label))
    return found


def yolov8(outputs: Outputs, task: Task) -> list[Box]:
    """cx cy w h labels; columns or rows."""
    table = outputs[0] if outputs[0].shape[0] != 4 + task.labels else outputs[0].T
    found = []
    for row in table.astype(float).tolist():
        score, label = best(row[4:], task)
        if score >= task.threshold:
            found.append(from_centre(*in_pixels(row[:4], task), score, label))
    return found


def yolov5_heads(outputs: Outputs, task: Task) -> list[Box]:
    """Raw heads (anchors, h, w, 5 + labels) of strides 8, 16, 32 in this order."""
    found = []
    for head, stride, anchors in zip(
        outputs, task.options["strides"], task.options["anchors"], strict=True
    ):
        values = head.astype(float).tolist()
        for number, (anchor_w, anchor_h) in enumerate(anchors):
            for y in range(task.input_wh[1] // stride):
                for x in range(task.input_wh[0] // stride):
                    row = [sigmoid(v) for v in values[number][y][x]]
                    score, label = best(row[5:], task)
                    if row[4] * score >= task.threshold:
                        cx = (row[0] * 2 - 0.5 + x) * stride
                        cy = (row[1] * 2 - 0.5 + y) * stride
                        w, h = (row[2] * 2) ** 2 * anchor_w, (row[3] * 2) ** 2 * anchor_h
                        found.append(from_centre(cx, cy, w, h, row[4] * score, label))
    return found


def boxes_scores(outputs: Outputs, task: Task) -> list[Box]:
    """Corners beside scores of labels, (anchors, labels) or (labels, anchors)."""
    parts = dict(zip(task.options.get("outputs", ("boxes", "scores")), outputs, strict=True))
    boxes, scores = parts["boxes"].astype(float), parts["scores"].astype(float)
    if scores.shape[0] != len(boxes):
        scores = scores.T
    found = []
    for box, row in zip(boxes.tolist(), scores.tolist(), strict=True):
        if task.options.get("activation") == "sigmoid":
            row = [sigmoid(v) for v in row]
        elif task.options.get("activation") == "softmax":
            row = softmax(row)
        score, label = best(row, task)
        if score >= task.threshold:
            corners = in_pixels(box, task)
            if task.options.get("box_format") == "cxcywh":
                found.append(from_centre(*corners, score, label))
            else:
                found.append(Box(*corners, score, label))
    return found


def in_pixels(box: list[float], task: Task) -> list[float]:
    if task.options.get("box_units", "pixels") == "pixels":
        return box
    w, h = task.input_wh
    return [box[0] * w, box[1] * h, box[2] * w, box[3] * h]
