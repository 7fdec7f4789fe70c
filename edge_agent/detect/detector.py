"""`OnnxDetector`: letterbox, session, decoder and NMS, one call a batch."""

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge_agent.detect.agreement import Found
from edge_agent.detect.batching import batch_fault
from edge_agent.detect.candidates import Candidates, suppress
from edge_agent.detect.family import Decoder
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.detect.session import Outputs, Session
from edge_agent.detect.trimming import open_session
from edge_agent.detect.views import View, Views
from edge_agent.errors import ModelError
from edge_agent.geometry import Letterbox, stretch
from edge_agent.ports import Meter
from edge_agent.settings import Plan
from edge_agent.types import (
    DetectionBatch,
    FloatArray,
    Frame,
    IntArray,
    ObjectClass,
)

log = logging.getLogger(__name__)

#: One picture's boxes (N, 4), scores (N,) and classes (N,).
_Boxes = tuple[FloatArray, FloatArray, IntArray]


def open_detector(
    manifest_path: Path, *, plan: Plan, provider: str = "auto", meter: Meter | None = None
) -> "OnnxDetector":
    """Load the model that `manifest_path` describes and run it once on an empty picture.

    Raises: ModelError where the manifest, the file, the provider or the outputs do not fit, or
    where the plan batches a model that finds something else in a batch.
    """
    manifest = load_manifest(manifest_path)
    session = open_session(manifest, threads=plan.threads, provider=provider)
    detector = OnnxDetector(manifest, session, plan, meter)
    fault = detector.batch_fault(plan.batch)
    if fault is not None:
        raise ModelError(
            f"model {manifest.model_id}: cannot be run with batch {plan.batch}: {fault}; set "
            "batch = 1 or leave it out; the model is not loaded"
        )
    log.info(
        "model %s: loaded on %s, input %d×%d%s, %s, %d lanes × %d threads × batch %d",
        manifest.model_id,
        session.provider,
        *manifest.input_wh,
        " less its padding" if session.trims else "",
        "one picture a run" if session.one_by_one else "dynamic batch",
        plan.lanes,
        plan.threads,
        plan.batch,
    )
    return detector


class OnnxDetector:
    """A loaded model; each lane has a workspace of its own, the session is shared."""

    def __init__(
        self, manifest: Manifest, session: Session, plan: Plan, meter: Meter | None = None
    ) -> None:
        """Run empty pictures, alone and in a whole batch: what does not fit shows here.

        With a `meter`, `detect` spends its CPU time on it as `preprocess`, `infer` and
        `postprocess`.
        Raises: ModelError.
        """
        self.model_id = manifest.model_id
        #: The model's own threshold; `detect` also returns weaker boxes, for the tracker's
        #: second stage, down to the manifest's `low_threshold`.
        self.score_threshold = manifest.score_threshold
        table = manifest.class_table
        self.classes: tuple[ObjectClass, ...] = table.classes
        self._groups = table.groups
        self._iou_threshold = manifest.iou_threshold
        self._manifest = manifest
        self._session = session
        self._meter = meter
        self._batch = plan.batch
        self._lanes = [Views(manifest, plan.batch, trims=session.trims) for _ in range(plan.lanes)]
        self._told_not_finite = False
        for pictures in {1, plan.batch}:
            self._find(self._lanes[0].whole.workspace.images[:pictures])

    @property
    def provider(self) -> str:
        """The execution provider that runs the model, in the settings' word."""
        return self._session.provider

    @property
    def trims(self) -> bool:
        """Whether padding that no picture covers is left out."""
        return self._session.trims

    @property
    def one_by_one(self) -> bool:
        """Whether the model takes one picture a run, whatever the plan's batch."""
        return self._session.one_by_one

    def batch_fault(self, batch: int) -> str | None:
        """Return why the model may not be run with `batch` pictures, None where it may.

        Raises: ModelError where inference fails.
        """
        return batch_fault(self._session, self._manifest, batch)

    def detect(self, frames: Sequence[Frame], lane: int) -> DetectionBatch:
        """Return what is in `frames`, each frame's boxes by falling score.

        One object gives one box: NMS runs over all persons and over all vehicles, so that a
        car that is also a bit of a truck is one vehicle, while a rider keeps both boxes. Boxes
        are clipped to the picture; those with nothing inside it are dropped.

        Args: 1 to the plan's batch frames of any sizes; `lane` 0 to the plan's lanes - 1, each
        called by one thread at a time.
        Raises: ModelError where inference fails; ValueError naming a wrong number of frames.
        """
        if not 1 <= len(frames) <= self._batch:
            raise ValueError(f"{len(frames)} frames, not 1 to {self._batch}")
        parts: dict[int, _Boxes] = {}
        for view, places in self._lanes[lane].groups(frames):
            found = self._detect_in(view, [frames[place] for place in places])
            parts.update(zip(places, found, strict=True))
        return _as_batch(frames, [parts[place] for place in range(len(frames))])

    def _detect_in(self, view: View, frames: Sequence[Frame]) -> list[_Boxes]:
        """Return the boxes of each of `frames`, whose pictures are all of one view."""
        started_ns = time.thread_time_ns()
        fits = view.workspace.fill(frames)
        filled_ns = time.thread_time_ns()
        runs = self._session.run(view.workspace.images[: len(frames)])
        ran_ns = time.thread_time_ns()
        found = self._decode(view.decoder, runs)
        boxes = [self._suppress(c, fit) for c, fit in zip(found, fits, strict=True)]
        if self._meter is not None:
            self._meter.spend("preprocess", filled_ns - started_ns)
            # With more than one thread the session's own have worked too.
            self._meter.spend("infer", ran_ns - filled_ns + self._session.helpers_cpu_ns())
            self._meter.spend("postprocess", time.thread_time_ns() - ran_ns)
        return boxes

    def find_prepared(self, images: FloatArray) -> list[Found]:
        """Return what is in `images` (n, 3, h, w), in pixels of the model's input.

        Only what reaches the model's own threshold. Raises: ModelError where inference fails.
        """
        whole = stretch(self._manifest.input_wh, self._manifest.input_wh)
        found = [Found(*self._suppress(c, whole)) for c in self._find(images)]
        return [f.keep(f.score >= self.score_threshold) for f in found]

    def _find(self, images: FloatArray) -> list[Candidates]:
        return self._decode(self._lanes[0].whole.decoder, self._session.run(images))

    def _decode(self, decoder: Decoder, runs: Iterable[tuple[Outputs, int]]) -> list[Candidates]:
        found: list[Candidates] = []
        for outputs, pictures in runs:
            found += decoder.decode(outputs, pictures)
        dropped = sum(candidates.not_finite for candidates in found)
        if dropped and not self._told_not_finite:
            self._told_not_finite = True
            log.warning(
                "model %s: NaN or infinity in %d anchors of %d pictures, dropped; said once",
                self.model_id,
                dropped,
                len(found),
            )
        return found

    def _suppress(self, candidates: Candidates, fit: Letterbox) -> _Boxes:
        return suppress(candidates, self._groups, self._iou_threshold, fit)


def _as_batch(frames: Sequence[Frame], parts: Sequence[_Boxes]) -> DetectionBatch:
    if len(parts) == 1:  # after an inference each call on arrays costs 10 µs: its code is cold
        xyxy, score, class_id = parts[0]
        row_splits: IntArray = np.array((0, len(score)), np.int32)
    else:
        row_splits = np.cumsum([0, *(len(score) for _, score, _ in parts)], dtype=np.int32)
        xyxy, score, class_id = (np.concatenate(column) for column in zip(*parts, strict=True))
    return DetectionBatch(tuple(frame.ref for frame in frames), row_splits, xyxy, score, class_id)
