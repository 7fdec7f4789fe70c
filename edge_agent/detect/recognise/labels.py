"""Which labels a model has, and which of them mean persons and vehicles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.detect.agreement import Found
from edge_agent.detect.labels import LABEL_SETS
from edge_agent.detect.recognise.inspection import printable
from edge_agent.detect.recognise.judgement import Judgement, judge_class
from edge_agent.detect.recognise.pictures import TestPicture
from edge_agent.errors import ModelError

#: Number of labels -> what nearly every detector with so many finds.
_BY_COUNT = {
    1: ("person",),
    80: LABEL_SETS["coco"],
    81: ("background", *LABEL_SETS["coco"]),
    90: LABEL_SETS["coco91"][1:],
    91: LABEL_SETS["coco91"],
}
#: What a label must do to stand for a class: find so many objects, this well, and this part as
#: well as the best label does.
_LEAST_FOUND, _LEAST_AP, _PART = 3, 0.1, 0.25

#: A label less than the room proves something only where the number is no small one.
_FEW = 10


@dataclass(frozen=True, slots=True)
class LabelGuess:
    """Labels, and where they come from."""

    labels: tuple[str, ...]
    origin: str  # for people
    is_known: bool  # False: placeholders, whose meaning only a test can tell
    is_told: bool = False  # by the user or the file


def choose_labels(
    given: Sequence[str] | None,
    told: Sequence[str] | None,
    room: int | None,
    spare: int = 0,
) -> LabelGuess:
    """Return the labels of a model.

    Args: `given` by the user, `told` by the file, `room` how many the outputs have room for
    (None: they tell label numbers), of which `spare` may be none, such as "no object".
    Raises: ModelError where the numbers differ.
    """
    for labels, origin in ((given, "given"), (told, "the file's own")):
        if labels is None:
            continue
        if room is not None and not room - spare <= len(labels) <= room:
            seen = f"{len(labels)} are given" if labels is given else f"it names {len(labels)}"
            raise ModelError(
                f"its outputs have room for {room} labels, but {seen}; give all of them with "
                "--labels, in the order of the output"
            )
        return LabelGuess(_different(labels), origin, is_known=True, is_told=True)
    if room is None:
        return LabelGuess(LABEL_SETS["coco"], "COCO's, since none are told", is_known=True)
    counts: tuple[int, ...] = (room, room - spare)
    if spare and room == 81:  # "no object" is last, so it is no background, which is first
        counts = (80,)
    for count in counts:
        if count in _BY_COUNT and (count == room or count > _FEW):
            usual = f"usual for {count}, since none are told"
            return LabelGuess(_BY_COUNT[count], usual, is_known=True)
    names = tuple(f"label-{number}" for number in range(room))
    return LabelGuess(names, "not told: numbered", is_known=False)


def _different(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels that differ, as a manifest wants them: a second "x" becomes "x-2"."""
    seen: dict[str, int] = {}
    result = []
    for number, label in enumerate(labels):
        label = printable(label)[:90] or f"label-{number}"
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
    return tuple(result)


def probing_map(labels: Sequence[str]) -> dict[str, str]:
    """Return a `class_map` that keeps every label apart: row i of the detector is label i."""
    return {label: f"vehicle/l{number}" for number, label in enumerate(labels)}


def attribute(
    pictures: Sequence[TestPicture], found: Sequence[Found], labels: Sequence[str]
) -> tuple[dict[str, str], Judgement]:
    """Return which labels answer to persons and vehicles, as a `class_map`, and how well.

    Args: `found` in each of `pictures`, with the label's number as `class_id`.
    """
    class_map: dict[str, str] = {}
    total = Judgement()
    for word in ("person", "vehicle"):
        by_label = {
            label: judgement
            for number, label in enumerate(labels)
            if label not in class_map
            and (judgement := _judge_label(pictures, found, number, word)).ap >= _LEAST_AP
        }
        if max((j.found for j in by_label.values()), default=0) < _LEAST_FOUND:
            continue
        most = max(j.ap for j in by_label.values())
        chosen = {label: j for label, j in by_label.items() if j.ap >= _PART * most}
        class_map |= dict.fromkeys(chosen, word)
        total += _merge([*chosen.values()])
    return class_map, total


def _judge_label(
    pictures: Sequence[TestPicture], found: Sequence[Found], number: int, word: str
) -> Judgement:
    total = Judgement()
    for picture, all_found in zip(pictures, found, strict=True):
        wanted = picture.xyxy[np.array([c == word for c in picture.classes], np.bool_)]
        total += judge_class(all_found.keep(all_found.class_id == number), wanted, picture.unsure)
    return total


def _merge(judged: Sequence[Judgement]) -> Judgement:
    """Return the judgements of labels that mean one class as one: its best box for each object."""
    hits = tuple(map(max, zip(*(j.hits for j in judged), strict=True)))
    boxes = tuple(box for j in judged for box in j.boxes)
    return Judgement(hits, min(len(hits), sum(j.found for j in judged)), boxes)
