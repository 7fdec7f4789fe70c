"""Pictures that people boxed, from a COCO-style annotation file.

Beside COCO's own keys an image may say `source`, `split` and `covers`: the classes that were boxed
in it. One that covers persons only never makes a vehicle a false alarm.
Source: Lin et al., Microsoft COCO, ECCV 2014, and cocodataset.org/#format-data.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from edge_agent.detect.labels import fold_labels
from edge_agent.errors import UsageError
from edge_agent.types import BoolArray, FloatArray, ObjectClass

CLASSES = ("person", "vehicle")

_NAMES = ("annotations.json", "instances.json", "_annotations.coco.json")
_Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What people boxed of one class in one picture."""

    xyxy: FloatArray  # (N, 4) px
    ignored: BoolArray  # (N,) a crowd or a region that counts neither way


@dataclass(frozen=True, slots=True, eq=False)
class BoxedPicture:
    """A picture and its truth, for each class that it covers."""

    path: Path
    source: str
    truth: Mapping[str, Truth]


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """The pictures of one split, and what people boxed in them at all."""

    file: Path
    pictures: tuple[BoxedPicture, ...]
    boxed: frozenset[ObjectClass]
    passed_over: tuple[str, ...]  # categories that are neither person nor vehicle

    def only(self, sources: Sequence[str] | None) -> "PictureSet":
        """Return the pictures of `sources`; None keeps all.

        Raises: UsageError naming the sources that are there.
        """
        if not sources:
            return self
        there = sorted({picture.source for picture in self.pictures})
        if not {*sources} <= {*there}:
            raise UsageError(
                f"{self.file}: its sources are {', '.join(there)}; "
                f"{', '.join(s for s in sources if s not in there)} is none of them"
            )
        kept = tuple(picture for picture in self.pictures if picture.source in sources)
        return replace(self, pictures=kept)

    def counts(self, found: ObjectClass) -> bool:
        """Return whether people would have boxed `found`, so that it can be right or wrong.

        A plain `vehicle` stands for all kinds but bicycles, which sets of vehicles rarely box.
        """
        if found in self.boxed:
            return True
        plain = ObjectClass(found.name, None) in self.boxed
        return found.subclass is None or (plain and found.subclass != "bicycle")


class _Image(BaseModel):
    id: int
    file_name: str
    source: str = ""
    split: str | None = None
    covers: list[str] | None = None


class _Annotation(BaseModel):
    image_id: int
    category_id: int
    bbox: tuple[_Number, _Number, _Number, _Number]
    iscrowd: bool = False
    ignore: bool = False


class _Category(BaseModel):
    id: int
    name: str


class _File(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_pictures(
    folder: Path,
    split: str,
    *,
    annotations: Path | None = None,
    class_map: Mapping[str, str] | None = None,
) -> PictureSet:
    """Return the pictures of `split` under `folder`; "all" takes every one.

    Args: `annotations` names the file where several lie there; `class_map` is the model's, for
    categories named in its words.
    Raises: UsageError naming the file and what is wrong with it.
    """
    file = annotations or _find_file(folder, split)
    content = _read(file)
    images = _in_split(content.images, split, file)
    kinds = {c.id: _object_class(c.name, class_map) for c in content.categories}
    boxed = frozenset(kind for kind in kinds.values() if kind is not None)
    if not boxed:
        names = ", ".join(c.name for c in content.categories[:10]) or "none"
        raise UsageError(
            f"{file}: its categories ({names}) fold into neither person nor vehicle; nothing to "
            "judge; a class_map in the manifest can name them"
        )
    boxes: dict[int, list[_Annotation]] = defaultdict(list)
    for annotation in content.annotations:
        boxes[annotation.image_id].append(annotation)
    labelled = frozenset(kind.name for kind in boxed)
    root = _root(file, folder, images[0].file_name)
    pictures = tuple(
        BoxedPicture(
            root / image.file_name,
            image.source,
            {
                name: _truth([b for b in boxes[image.id] if _is(kinds.get(b.category_id), name)])
                for name in CLASSES
                if name in (labelled if image.covers is None else labelled & {*image.covers})
            },
        )
        for image in images
    )
    others = [c.name for c in content.categories if kinds[c.id] is None]
    return PictureSet(file, pictures, boxed, tuple(others))


def _find_file(folder: Path, split: str) -> Path:
    found = [folder / name for name in _NAMES if (folder / name).is_file()]
    if not found:
        found = sorted({*folder.glob("instances*.json"), *folder.glob("annotations/*.json")})
        named = [path for path in found if split in path.stem]
        found = named or found
    if len(found) == 1:
        return found[0]
    seen = ", ".join(path.name for path in found) or "no annotation file"
    raise UsageError(
        f"{folder}: {seen} there; wanted one of {', '.join(_NAMES)} or annotations/"
        f"instances_{split}….json; --annotations names the file"
    )


def _read(file: Path) -> _File:
    try:
        return _File.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(
            f"{file}: no COCO annotations: {place}: {first['msg']} "
            f"({error.error_count()} problems); nothing is judged"
        ) from None


def _in_split(images: Sequence[_Image], split: str, file: Path) -> list[_Image]:
    """Return the images of `split`; a file that knows no splits is one."""
    splits = sorted({image.split for image in images if image.split is not None})
    chosen = [i for i in images if split == "all" or not splits or i.split == split]
    if not chosen:
        seen = f"none is in split {split!r}; there are {', '.join(splits)}" if images else "none"
        raise UsageError(f"{file}: {len(images)} images, {seen}; nothing is judged")
    return chosen


def _root(file: Path, folder: Path, name: str) -> Path:
    """Return the folder that the images' names start from."""
    of_split = file.stem.removeprefix("instances_")
    above = [file.parent, folder]
    places = [*above, *(a / sub for a in above for sub in ("images", of_split))]
    places.append(folder / "images" / of_split)
    for place in places:
        if (place / name).is_file():
            return place
    raise UsageError(
        f"{file}: its first image, {name}, lies in none of {', '.join(map(str, places))}"
    )


def _object_class(category: str, class_map: Mapping[str, str] | None) -> ObjectClass | None:
    for words in (class_map, None):
        found = fold_labels((category,), words).classes
        if found:
            return found[0]
    return None


def _is(kind: ObjectClass | None, name: str) -> bool:
    return kind is not None and kind.name == name


def _truth(boxes: Sequence[_Annotation]) -> Truth:
    xywh = np.array([b.bbox for b in boxes], np.float32).reshape(-1, 4)
    xyxy = np.concatenate((xywh[:, :2], xywh[:, :2] + xywh[:, 2:]), axis=1)
    return Truth(xyxy, np.array([b.iscrowd or b.ignore for b in boxes], bool))
