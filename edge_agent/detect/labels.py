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

#: Ids from 0 to 90 that COCO gives to no category; 0 is the background of many detectors.
_NO_CATEGORY = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)


def _labels_by_id() -> tuple[str, ...]:
    named = iter(COCO_LABELS)
    return tuple(f"unused-{i}" if i in _NO_CATEGORY else next(named) for i in range(91))


#: What `labels` of a manifest may name: "coco", and "coco91" for outputs by category id
#: (TensorFlow's and torchvision's detectors, RF-DETR).
LABEL_SETS: Mapping[str, tuple[str, ...]] = {"coco": COCO_LABELS, "coco91": _labels_by_id()}

#: How labels fold where the manifest has no `class_map`, in any case of letters; every other
#: label is ignored. Beside COCO's words those of Pascal VOC, VisDrone, KITTI and Open Images.
DEFAULT_CLASS_MAP: Mapping[str, str] = {
    "person": "person",
    "pedestrian": "person",
    "people": "person",
    "man": "person",
    "woman": "person",
    "boy": "person",
    "girl": "person",
    "person_sitting": "person",
    "vehicle": "vehicle",
    "car": "vehicle/car",
    "taxi": "vehicle/car",
    "van": "vehicle/van",
    "bus": "vehicle/bus",
    "truck": "vehicle/truck",
    "motorcycle": "vehicle/motorcycle",
    "motorbike": "vehicle/motorcycle",
    "motor": "vehicle/motorcycle",
    "bicycle": "vehicle/bicycle",
    "tricycle": "vehicle/tricycle",
    "awning-tricycle": "vehicle/tricycle",
}

#: What a label folds into that is neither person nor vehicle.
IGNORED = "ignored"


@dataclass(frozen=True, slots=True, eq=False)
class ClassTable:
    """A detector's table of classes, and which of the model's labels fold into each row."""

    classes: tuple[ObjectClass, ...]
    columns: IntArray  # (K,) labels that count, by their place among the model's labels
    rows: IntArray  # (K,) the row of `classes` that each of them folds into
    groups: IntArray  # (len(classes),) what NMS keeps apart: 0 person, 1 vehicle


def fold_labels(labels: Sequence[str], class_map: Mapping[str, str] | None) -> ClassTable:
    """Return the table of the classes that `labels` fold into, in the order of the labels.

    Args: `class_map` label -> "ignored", "person", "vehicle" or one of these two with a
    "/subclass", which events carry as it stands; a label that is not in it is ignored. None is
    `DEFAULT_CLASS_MAP`.
    """
    found: dict[str, int] = {}
    columns, rows = [], []
    for column, label in enumerate(labels):
        word = (
            DEFAULT_CLASS_MAP.get(label.lower(), IGNORED)
            if class_map is None
            else class_map.get(label, IGNORED)
        )
        if word != IGNORED:
            columns.append(column)
            rows.append(found.setdefault(word, len(found)))
    classes = tuple(_object_class(word) for word in found)
    groups = [0 if c.name == "person" else 1 for c in classes]
    return ClassTable(classes, *(np.array(values, np.int32) for values in (columns, rows, groups)))


def _object_class(word: str) -> ObjectClass:
    name, _, subclass = word.partition("/")
    return ObjectClass(name, subclass or None)
