"""`OnnxDetector`: letterbox, session, decoder and NMS, one call a batch."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_agent.detect.candidates import Candidates
from edge_agent.detect.families import FAMILIES
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.detect.preprocess import Workspace
from edge_agent.detect.session import Session
from edge_agent.geometry import Letterbox, nms
from edge_agent.settings import PlanSettings
from edge_agent.types import (
    DetectionBatch,
    FloatArray,
    Frame,
    IdArray,
    IntArray,
    ObjectClass,
)

log = logging.getLogger(__name__)


def open_detector(
    manifest_path: Path, *, plan: PlanSettings, provider: str = "auto"
) -> "OnnxDetector":
    """Load the model that `manifest_path` describes and run it once on an empty picture.

    Raises: ModelError where the manifest, the file, the provider or the outputs do not fit.
    """
    manifest = load_manifest(manifest_path)
    session = Session(manifest, threads=plan.threads, provider=provider)
    detector = OnnxDetector(manifest, session, plan)
    log.info(
        "model %s: loaded on %s, input %d×%d, %s, %d lanes × %d threads × batch %d",
        manifest.model_id,
        session.provider,
        *manifest.input_wh,
        "one picture a run" if session.one_by_one else "dynamic batch",
        plan.lanes,
        plan.threads,
        plan.batch,
    )
    return detector


class OnnxDetector:
    """A loaded model; each lane has a workspace of its own, the session is shared."""

    def __init__(self, manifest: Manifest, session: Session, plan: PlanSettings) -> None:
        """Run empty pictures, alone and in a whole batch: what does not fit shows here.

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
        self._session = session
        self._decoder = FAMILIES[manifest.family](manifest)
        self._workspaces = [Workspace(manifest, plan.batch) for _ in range(plan.lanes)]
        self._told_not_finite = False
        for pictures in {1, plan.batch}:
            self._find(self._workspaces[0].images[:pictures])

    def detect(self, frames: Sequence[Frame], lane: int) -> DetectionBatch:
        """Return what is in `frames`, each frame's boxes by falling score.

        One object gives one box: NMS runs over all persons and over all vehicles, so that a
        car that is also a bit of a truck is one vehicle, while a rider keeps both boxes. Boxes
        are clipped to the picture; those with nothing inside it are dropped.

        Args: 1 to the plan's batch frames of any sizes; `lane` 0 to the plan's lanes - 1, each
        called by one thread at a time.
        Raises: ModelError where inference fails; ValueError naming a wrong number of frames.
        """
        workspace = self._workspaces[lane]
        if not 1 <= len(frames) <= len(workspace.images):
            raise ValueError(f"{len(frames)} frames, not 1 to {len(workspace.images)}")
        fits = workspace.fill(frames)
        found = self._find(workspace.images[: len(frames)])
        parts = [self._suppress(c, fit) for c, fit in zip(found, fits, strict=True)]
        row_splits = np.cumsum([0, *(len(score) for _, score, _ in parts)], dtype=np.int32)
        xyxy, score, class_id = (np.concatenate(column) for column in zip(*parts, strict=True))
        return DetectionBatch(
            tuple(frame.ref for frame in frames), row_splits, xyxy, score, class_id
        )

    def _find(self, images: FloatArray) -> list[Candidates]:
        found: list[Candidates] = []
        for outputs, pictures in self._session.run(images):
            found += self._decoder.decode(outputs, pictures)
        dropped = sum(candidates.not_finite for candidates in found)
        if dropped and not self._told_not_finite:
            self._told_not_finite = True
            log.warning(
                "model %s: NaN or infinity in %d anchors of %d pictures, dropped; said once",
                self.model_id,
                dropped,
                len(images),
            )
        return found

    def _suppress(
        self, candidates: Candidates, fit: Letterbox
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        groups = self._groups[candidates.class_id]
        kept: IdArray = nms(candidates.xyxy, candidates.score, groups, self._iou_threshold)
        xyxy = fit.to_source(candidates.xyxy[kept])
        inside = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])
        kept = kept[inside]
        return xyxy[inside], candidates.score[kept], candidates.class_id[kept]
