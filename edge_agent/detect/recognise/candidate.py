"""One family's reading of a file: its manifest so far, and the self-test that settles the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from edge_agent.detect.graph_facts import Claim, GraphFacts, spread_keys
from edge_agent.detect.labels import DEFAULT_CLASS_MAP, LABEL_SETS, fold_labels
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.recognise.inspection import Request
from edge_agent.detect.recognise.judgement import Judgement, class_word
from edge_agent.detect.recognise.labels import attribute, choose_labels, probing_map
from edge_agent.detect.recognise.pictures import PHOTOGRAPH, TestPicture
from edge_agent.detect.recognise.probe import (
    is_channels_last,
    picture_input,
    told_labels,
    told_licence,
    told_source,
)
from edge_agent.detect.recognise.trials import Bench, Choice, Search, Trial, Values
from edge_agent.detect.recognise.verdict import passes
from edge_agent.errors import ModelError
from edge_agent.types import Json

#: Where a family's claim leaves it open; `models eval` finds the best.
_SCORE_THRESHOLD = 0.3
_COCO_MAP_FAULT = "none folds"


class Candidate:
    """A claim, made a manifest and tested."""

    def __init__(self, request: Request, facts: GraphFacts, claim: Claim) -> None:
        """Raises: ModelError where labels do not fit or the values make no manifest."""
        self.claim = claim
        self.trial = Trial({}, {})
        self.choices: list[Choice] = []
        self.passed = False
        self._threads = request.threads
        self._guess = choose_labels(
            request.labels, told_labels(facts.metadata), claim.labels, claim.spare
        )
        self._alternatives = dict(claim.alternatives)
        if claim.labels is None and not self._guess.is_told:
            self._alternatives["labels"] = tuple(LABEL_SETS)
        number = "" if "labels" in self._alternatives else f"{len(self._guess.labels)}, "
        self.notes = [f"labels: {number}{self._guess.origin}"]
        self._base = _base_values(request, facts, claim, self._guess.labels)
        self._folds = self._check_base(request)

    @property
    def values(self) -> dict[str, Json]:
        """The keys of the manifest, all but name, file and sha256."""
        values = {**self._base, **spread_keys(self.trial.values)}
        for key in ("name", "file", "sha256"):
            del values[key]
        return values

    def test(self, pictures: Sequence[TestPicture], few: Sequence[TestPicture]) -> None:
        """Try every reading on `few` pictures, and judge the best on all `pictures`.

        Raises: ModelError where no label answers to persons or vehicles.
        """
        if not self._folds:
            self._find_classes(few)
        few, pictures = self._in_words(few), self._in_words(pictures)
        bench = Bench(self._base, few, self._threads)
        search = Search(lambda values: bench.judge(spread_keys(values)))
        self.trial, self.choices = search.best(self._alternatives)
        if len(few) < len(pictures):
            bench = Bench(self._base, pictures, self._threads)
            chosen = self.trial.values
            self.trial = Trial(chosen, bench.judge(spread_keys(chosen)))
        if bench.fault and not self.trial.by_kind:
            self.notes.append(f"it cannot be run so: {bench.fault}")
        self.passed = passes(self.trial)

    def _check_base(self, request: Request) -> bool:
        """Return whether some label is known to mean person or vehicle. Raises: ModelError."""
        if not self._guess.is_known and request.class_map is None:
            return False
        try:
            Manifest.model_validate(self._base)
        except ValidationError as error:
            (first, *_) = error.errors()
            if request.class_map is None and _COCO_MAP_FAULT in first["msg"]:
                return False
            key = first.get("ctx", {}).get("key") or ".".join(map(str, first["loc"]))
            raise ModelError(f"key {key}: {first['msg']}") from None
        return True

    def _in_words(self, pictures: Sequence[TestPicture]) -> list[TestPicture]:
        """Return the pictures with the labels of own ones as the class that each means.

        Raises: ModelError where the model has no such class.
        """
        class_map: Mapping[str, str] | None = self._base.get("class_map")
        classes = fold_labels(self._guess.labels, class_map).classes
        known = {word for c in classes for word in (c.name, class_word(c))}
        result = []
        for picture in pictures:
            label = picture.label
            if label is not None:
                usual = DEFAULT_CLASS_MAP.get(label.lower(), label)
                label = usual if class_map is None else class_map.get(label, label)
                if label not in known:
                    raise ModelError(
                        f"{picture.label!r} is expected in {picture.name}, but its classes are "
                        f"{', '.join(sorted(known))}; --class-map says what a label counts as"
                    )
            result.append(replace(picture, label=label))
        return result

    def _find_classes(self, pictures: Sequence[TestPicture]) -> None:
        """Set a `class_map` by what the labels answer to in the pictures."""
        labels = self._guess.labels
        bench = Bench({**self._base, "class_map": probing_map(labels)}, pictures, self._threads)
        maps: dict[str, dict[str, str]] = {}

        def judge(values: Values) -> dict[str, Judgement]:
            found = bench.find_all(spread_keys(values))
            if found is None:
                return {}
            maps[repr(values)], judged = attribute(pictures, found, labels)
            return {PHOTOGRAPH: judged}

        best, _ = Search(judge).best(self._alternatives)
        class_map = maps.get(repr(best.values))
        if not class_map:
            raise ModelError(
                f"none of its {len(labels)} labels ({_some(labels)}) is known to mean person or "
                "vehicle, and none answers to the persons and vehicles of the test pictures; name "
                "them with --labels, or say which count with --class-map LABEL=person"
            )
        self._base["class_map"] = dict(class_map)
        self.notes.append("class_map: by what each label found in the test pictures; check it")


def _base_values(
    request: Request, facts: GraphFacts, claim: Claim, labels: Sequence[str]
) -> dict[str, Any]:
    picture = picture_input(facts.inputs)
    values: dict[str, Any] = {
        "name": "inspected",
        "file": request.file,
        "sha256": request.sha256,
        "family": claim.family,
        "layout": "nhwc" if is_channels_last(picture) else "nchw",
        "channels": "rgb",
        "letterbox": "centre",
        "score_threshold": _SCORE_THRESHOLD,
        "licence": told_licence(facts.metadata),
        "source": told_source(facts, request.file),
    }
    if facts.probe is not None:
        values["input_wh"] = list(facts.probe.input_wh)
    values |= claim.values
    words = [word for word, known in LABEL_SETS.items() if tuple(labels) == known]
    values["labels"] = words[0] if words else list(labels)
    if request.class_map is not None:
        values["class_map"] = dict(request.class_map)
    return values


def _some(labels: Sequence[str]) -> str:
    text = ", ".join(labels[:5])
    return text if len(labels) <= 5 else f"{text}, …"
