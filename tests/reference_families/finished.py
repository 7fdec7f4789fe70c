"""Finished detections: rows, and tables of boxes, scores and classes."""

from tests.reference_families.dense import in_pixels
from tests.reference_families.plain import Outputs, Task
from tests.reference_yolox import Box


def rows(outputs: Outputs, task: Task) -> list[Box]:
    """One detection a row, its columns named by the option."""
    columns = task.options["columns"]
    found = []
    for row in outputs[0].reshape(-1, len(columns)).astype(float).tolist():
        told = dict(zip(columns, row, strict=True))
        label = round(told["class"])
        if told.get("batch", 0) == 0 and told["score"] >= task.threshold and label in task.counted:
            corners = in_pixels([told[key] for key in ("x1", "y1", "x2", "y2")], task)
            found.append(Box(*corners, told["score"], label))
    return found


def tables(outputs: Outputs, task: Task) -> list[Box]:
    """Boxes, scores and classes, one by one, up to the count."""
    parts = {
        role: output.astype(float).reshape(-1, 4 if role == "boxes" else 1).tolist()
        for role, output in zip(task.options["outputs"], outputs, strict=True)
    }
    last = int(parts["count"][0][0]) if "count" in parts else len(parts["boxes"])
    found = []
    for box, (score,), (label,) in list(
        zip(parts["boxes"], parts["scores"], parts["classes"], strict=True)
    )[:last]:
        if score >= task.threshold and round(label) in task.counted:
            if task.options.get("box_format") == "yxyx":
                box = [box[1], box[0], box[3], box[2]]
            found.append(Box(*in_pixels(box, task), score, round(label)))
    return found
