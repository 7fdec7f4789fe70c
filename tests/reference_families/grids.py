"""Heads of a cell: FastestDet, YOLO-FastestV2, and distances as distributions."""

import math

from tests.reference_families.plain import Outputs, Task, best, from_centre, sigmoid, softmax
from tests.reference_yolox import Box


def fastestdet(outputs: Outputs, task: Task) -> list[Box]:
    """(5 + labels, h, w): objectness, tanh x, tanh y, sigmoid w, sigmoid h, labels."""
    grid = outputs[0].astype(float).tolist()
    rows, columns = len(grid[0]), len(grid[0][0])
    w, h = task.input_wh
    found = []
    for y in range(rows):
        for x in range(columns):
            cell = [channel[y][x] for channel in grid]
            label_score, label = best(cell[5:], task)
            score = cell[0] ** 0.6 * label_score**0.4
            if score >= task.threshold:
                found.append(
                    from_centre(
                        (math.tanh(cell[1]) + x) / columns * w,
                        (math.tanh(cell[2]) + y) / rows * h,
                        sigmoid(cell[3]) * w,
                        sigmoid(cell[4]) * h,
                        score,
                        label,
                    )
                )
    return found


def yolo_fastestv2(outputs: Outputs, task: Task) -> list[Box]:
    """(h, w, 12 + 3 + labels), done: boxes of three anchors, their objectness, labels."""
    found = []
    for head, stride, anchors in zip(
        outputs, task.options["strides"], task.options["anchors"], strict=True
    ):
        values = head.astype(float).tolist()
        for y, line in enumerate(values):
            for x, cell in enumerate(line):
                label_score, label = best(cell[15:], task)
                for number, (anchor_w, anchor_h) in enumerate(anchors):
                    score = cell[12 + number] * label_score
                    if score >= task.threshold:
                        a, b, c, d = cell[4 * number : 4 * number + 4]
                        cx, cy = (a * 2 - 0.5 + x) * stride, (b * 2 - 0.5 + y) * stride
                        w, h = (c * 2) ** 2 * anchor_w, (d * 2) ** 2 * anchor_h
                        found.append(from_centre(cx, cy, w, h, score, label))
    return found


def distances(outputs: Outputs, task: Task) -> list[Box]:
    """Scores and bins of each stride, apart or together.

    Options: "strides", "point" (what a cell's number and a stride make of it), "raw" where the
    sigmoid is still to be done, "together" where one output holds all.
    """
    strides = task.options["strides"]
    if task.options.get("together"):
        table = outputs[0].astype(float).tolist()
        rows = [(row[: task.labels], row[task.labels :]) for row in table]
    else:
        count = len(strides)
        rows = []
        for scores, bins in zip(outputs[:count], outputs[count : 2 * count], strict=True):
            rows += zip(as_rows(scores), as_rows(bins), strict=True)
    found = []
    number = 0
    for stride in strides:
        for y in range(math.ceil(task.input_wh[1] / stride)):
            for x in range(math.ceil(task.input_wh[0] / stride)):
                scores, bins = rows[number]
                number += 1
                score, label = best(scores, task)
                if task.options.get("raw"):
                    score = sigmoid(score)
                if score >= task.threshold:
                    sides = [side * stride for side in four_means(bins)]
                    px, py = (task.options["point"](i, stride) for i in (x, y))
                    found.append(
                        Box(
                            px - sides[0],
                            py - sides[1],
                            px + sides[2],
                            py + sides[3],
                            score,
                            label,
                        )
                    )
    assert number == len(rows)
    return found


def as_rows(output) -> list[list[float]]:
    """(anchors, channels) as it is; (channels, h, w) cell by cell."""
    if output.ndim == 2:
        return output.astype(float).tolist()
    return output.reshape(len(output), -1).T.astype(float).tolist()


def four_means(bins: list[float]) -> list[float]:
    each = len(bins) // 4
    means = []
    for side in range(4):
        parts = softmax(bins[side * each : (side + 1) * each])
        means.append(sum(number * part for number, part in enumerate(parts)))
    return means


def middle_pixel(number: int, stride: int) -> float:
    return number * stride + (stride - 1) / 2


def middle(number: int, stride: int) -> float:
    return (number + 0.5) * stride


def corner(number: int, stride: int) -> float:
    return number * stride
