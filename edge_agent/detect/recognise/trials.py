"""The self-test: a model is run on pictures whose objects are known, in every likely reading.

A family leaves some keys of the manifest open (order of the colours, scale, where a letterboxed
picture lies). Each reading decodes to other boxes; the one that finds what is there is right.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_agent.detect.agreement import Found
from edge_agent.detect.detector import OnnxDetector
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.picture import ArrayPicture
from edge_agent.detect.recognise.judgement import Judgement, judge, lead
from edge_agent.detect.recognise.pictures import TestPicture
from edge_agent.detect.session import Session
from edge_agent.errors import ModelError
from edge_agent.settings import Plan
from edge_agent.types import ClockSource, Frame, FrameRef, Json, ObjectClass

#: A reading takes the place of the family's usual one when it finds the objects better by this
#: many standard errors, and is better by this part. A colour order costs a few percent only.
_LEAD, _BETTER = 1.2, 1.03
#: Where the picture lies in the input moves no box against it, and a net bears most of it: there
#: the family's usual way stays unless the test speaks loudly.
_PLACING = frozenset({"letterbox", "pad"})
_PLACING_LEAD, _PLACING_BETTER = 3.0, 1.15
#: Two readings are told apart beyond doubt by one of these.
_TOLD_LEAD, _TOLD_BETTER = 2.0, 1.15
_MOST_READINGS = 72
#: Preparations whose numbers differ by less than this part of their spread need no telling apart.
_NEARLY = 0.15
#: Below this strength a reading has found nothing, so its neighbours say nothing either.
_NOTHING = 0.02

Values = Mapping[str, Json]
Judge = Callable[[Values], dict[str, Judgement]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One reading of a model and what came of it; judgements by the kind of picture."""

    values: Values
    by_kind: Mapping[str, Judgement]

    @property
    def total(self) -> Judgement:
        """All pictures together."""
        return sum(self.by_kind.values(), Judgement())

    @property
    def strength(self) -> float:
        """How strongly the reading speaks, 0..1."""
        return self.total.strength


@dataclass(frozen=True, slots=True)
class Choice:
    """What the trials say of one open key."""

    key: str
    tried: tuple[tuple[Json, float], ...]  # (value, strength), the chosen one first
    told_apart: bool  # whether the chosen value is better beyond doubt


@dataclass(slots=True)
class Search:
    """The readings that were tried, each once."""

    judge: Judge
    trials: list[Trial] = field(default_factory=list)

    def strength(self, values: Values) -> float:
        """Return the strength of a reading, running it where it is new."""
        return self.trial(values).strength

    def trial(self, values: Values) -> Trial:
        """Return the trial of a reading, running it where it is new."""
        for trial in self.trials:
            if trial.values == values:
                return trial
        self.trials.append(Trial(dict(values), self.judge(values)))
        return self.trials[-1]

    def best(self, alternatives: Mapping[str, Sequence[Json]]) -> tuple[Trial, list[Choice]]:
        """Return the best reading and what it was chosen over.

        `alternatives` has the values of each open key, the family's usual one first; that one
        stays unless another is clearly better.
        """
        start = {key: values[0] for key, values in alternatives.items()}
        if self.strength(start) < _NOTHING:
            start = self._first_that_finds(alternatives) or start
        for _ in range(2):  # a second round, since one key's choice may change another's
            before = dict(start)
            for key, values in alternatives.items():
                start[key] = self._best_value(start, key, values)
            if start == before:
                break
        return self.trial(start), [
            self._choice(start, key, values) for key, values in alternatives.items()
        ]

    def _best_value(self, reading: Values, key: str, values: Sequence[Json]) -> Json:
        ahead, better = (_PLACING_LEAD, _PLACING_BETTER) if key in _PLACING else (_LEAD, _BETTER)
        chosen = values[0]
        for value in values[1:]:
            one = self.trial({**reading, key: value}).total
            other = self.trial({**reading, key: chosen}).total
            if one.strength > max(better * other.strength, _NOTHING) and (
                lead(one, other) >= ahead or other.strength < _NOTHING
            ):
                chosen = value
        return chosen

    def _first_that_finds(self, alternatives: Mapping[str, Sequence[Json]]) -> dict[str, Json]:
        """Return the best of all combinations, {} where none finds anything."""
        best: dict[str, Json] = {}
        most = _NOTHING
        for reading in itertools.islice(_readings(alternatives), _MOST_READINGS):
            strength = self.strength(reading)
            if strength > most:
                best, most = reading, strength
        return best

    def _choice(self, reading: Values, key: str, values: Sequence[Json]) -> Choice:
        chosen = reading[key]
        rest = [(v, self.trial({**reading, key: v}).total) for v in values if v != chosen]
        best = self.trial(reading).total
        told_apart = all(
            best.strength >= _TOLD_BETTER * other.strength or lead(best, other) >= _TOLD_LEAD
            for value, other in rest
            if not _nearly_same(chosen, value)
        )
        tried = ((chosen, best.strength), *((value, other.strength) for value, other in rest))
        return Choice(key, tried, told_apart)


def _nearly_same(one: Json, other: Json) -> bool:
    """Return whether two preparations (scale, mean, std) give nearly the same numbers."""
    if not isinstance(one, list | tuple) or len(one) != 3 or not isinstance(one[0], float):
        return False
    ends = [
        (np.array([[0.0], [255.0]]) * scale - np.array(mean)) / np.array(std)
        for scale, mean, std in (one, other)
    ]
    spread = np.abs(ends[0][1] - ends[0][0]).max()
    return bool(np.abs(ends[0] - ends[1]).max() < _NEARLY * spread)


def _readings(alternatives: Mapping[str, Sequence[Json]]) -> Iterator[dict[str, Json]]:
    for values in itertools.product(*alternatives.values()):
        yield dict(zip(alternatives, values, strict=True))


class Bench:
    """Runs readings of one model file; sessions are shared where the input is the same."""

    def __init__(self, base: Values, pictures: Sequence[TestPicture], threads: int) -> None:
        self._base = base
        self._pictures = pictures
        self._threads = threads
        self._sessions: dict[str, Session] = {}
        self._classes: tuple[ObjectClass, ...] = ()
        self.fault = ""  # why the last reading that failed did

    def judge(self, values: Values) -> dict[str, Judgement]:
        """Return the judgements of a reading; empty where the model cannot be run so."""
        found = self.find_all(values)
        judged: dict[str, Judgement] = {}
        for picture, one in zip(self._pictures, found or (), strict=found is not None):
            new = judge(picture, one, self._classes)
            judged[picture.kind] = judged.get(picture.kind, Judgement()) + new
        return judged

    def find_all(self, values: Values) -> list[Found] | None:
        """Return what a reading finds in each picture, weak boxes included.

        None where the model cannot be run so; `fault` says why.
        """
        try:
            detector = self._open(Manifest.model_validate({**self._base, **values}))
            self._classes = detector.classes
            batches = [detector.detect([_frame(picture)], 0) for picture in self._pictures]
        except (ModelError, ValueError) as error:
            self.fault = str(error)
            return None
        return [Found(batch.xyxy, batch.score, batch.class_id) for batch in batches]

    def _open(self, manifest: Manifest) -> OnnxDetector:
        key = repr((manifest.input_wh, manifest.layout, manifest.extra_inputs))
        if key not in self._sessions:
            self._sessions[key] = Session(manifest, threads=self._threads, provider="cpu")
        return OnnxDetector(manifest, self._sessions[key], Plan())


def _frame(picture: TestPicture) -> Frame:
    array = ArrayPicture(np.ascontiguousarray(picture.bgr))
    ref = FrameRef("self-test", 1, 0, 0, 0, 0, ClockSource.ARRIVAL, True, array.wh)
    return Frame(ref, array)
