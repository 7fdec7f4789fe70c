"""What a model's labels mean to the agent: person, vehicle, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.types import IntArray, ObjectClass

_COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,"
    "backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,"
    "baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,"
    "bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,"
    "oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,"
    "toothbrush"
)
#: The 80 labels of COCO in the order of its detectors' outputs.
#: Source: Lin et al., Microsoft COCO, ECCV 2014 (instances_val2017, category ids closed up).
COCO_LABELS = tuple(_COCO.split(","))

#: How labels fold where the manifest has no `class_map`; every other label is ignored.
DEFAULT_CLASS_MAP: Mapping[str, str] = {
    "person": "person",
    "car": "vehicle/car",
    "bus": "vehicle/bus",
    "truck": "vehicle/truck",
    "motorcycle": "vehicle/motorcycle",
    "bicycle": "vehicle/bicycle",
}


@dataclass(frozen=True, slots=True, eq=False)
class ClassTable:
    """A detector's table of classes, and which of the model's labels fold into each row."""

    classes: tuple[ObjectClass, ...]
    columns: IntArray  # (K,) labels that count, by their place among the model's labels
    rows: IntArray  # (K,) the row of `classes` that each of them folds into
    groups: IntArray  # (len(classes),) what NMS keeps apart: 0 person, 1 vehicle


def fold_labels(labels: Sequence[str], class_map: Mapping[str, str]) -> ClassTable:
    """Return the table of the classes that `labels` fold into, in the order of the labels.

    Args: `class_map` label -> "person", "vehicle" or "vehicle/subclass".
    """
    found: dict[str, int] = {}
    columns, rows = [], []
    for column, label in enumerate(labels):
        if label in class_map:
            columns.append(column)
            rows.append(found.setdefault(class_map[label], len(found)))
    classes = tuple(_object_class(word) for word in found)
    groups = [0 if c.name == "person" else 1 for c in classes]
    return ClassTable(classes, *(np.array(values, np.int32) for values in (columns, rows, groups)))


def _object_class(word: str) -> ObjectClass:
    name, _, subclass = word.partition("/")
    return ObjectClass(name, subclass or None)
