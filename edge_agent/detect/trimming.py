"""Whether a model may be run without padding: only where it proves to find the same.

A square input around a picture of 16:9 is nearly half padding, and a convolutional net computes
it like anything else. Outputs are no proof here: near the edge they differ a little whatever is
there, as they do between two letterboxes. So boxes are compared, on the pictures of the self-test.
"""

import logging

import numpy as np
import onnxruntime

from edge_agent.detect.agreement import Found, compare_found
from edge_agent.detect.candidates import suppress
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.picture import ArrayPicture
from edge_agent.detect.recognise.pictures import builtin_pictures
from edge_agent.detect.session import PROVIDERS, Session, choose_provider
from edge_agent.detect.views import Views, trimmed_wh
from edge_agent.errors import ModelError
from edge_agent.types import ClockSource, Frame, FrameRef

log = logging.getLogger(__name__)

#: So many of the sure boxes of either way must be in the other, weak ones included.
_KEPT = 0.9
#: Each costs a start two inferences.
_PICTURES = 8
#: Below so many sure boxes nothing is proven.
_LEAST_BOXES = 5


def open_session(manifest: Manifest, *, threads: int, provider: str) -> Session:
    """Load the model that `manifest` describes; pictures come without padding where they may.

    Raises: ModelError.
    """
    if not _worth_a_try(manifest, provider):
        return Session(manifest, threads=threads, provider=provider)
    try:
        session = Session(manifest, threads=threads, provider=provider, trims=True)
        fault = trim_fault(session, manifest)
    except ModelError as error:
        fault = str(error).removeprefix(f"model {manifest.model_id}: ")
    if fault is None:
        return session
    log.info("model %s: padding is run too: %s", manifest.model_id, fault)
    return Session(manifest, threads=threads, provider=provider)


def _worth_a_try(manifest: Manifest, provider: str) -> bool:
    """Return whether padding can be left out; on a device each size is prepared anew."""
    if not manifest.trim or manifest.letterbox == "stretch" or manifest.extra_inputs:
        return False
    wanted = choose_provider(provider, onnxruntime.get_available_providers())
    return wanted == PROVIDERS["cpu"]


def trim_fault(session: Session, manifest: Manifest) -> str | None:
    """Return why pictures may not be run without padding, None where they may.

    Raises: ModelError where inference fails.
    """
    views = {trims: Views(manifest, 1, trims=trims) for trims in (False, True)}
    pairs = [
        (
            _find(session, manifest, views[False], frame),
            _find(session, manifest, views[True], frame),
        )
        for frame in _padded_frames(manifest)
    ]
    sure = [tuple(f.keep(f.score >= manifest.score_threshold) for f in pair) for pair in pairs]
    lost = compare_found((sure[i][0], pairs[i][1]) for i in range(len(pairs)))
    gained = compare_found((sure[i][1], pairs[i][0]) for i in range(len(pairs)))
    if lost.wanted < _LEAST_BOXES:
        return f"{lost.wanted} boxes in the test pictures prove nothing"
    if min(lost.recall, gained.recall) < _KEPT:
        return (
            f"without it {lost.wanted - lost.both} of {lost.wanted} boxes are lost and "
            f"{gained.wanted - gained.both} of {gained.wanted} are new"
        )
    return None


def _find(session: Session, manifest: Manifest, views: Views, frame: Frame) -> Found:
    ((view, _),) = views.groups([frame])
    (fit,) = view.workspace.fill([frame])
    ((outputs, pictures),) = session.run(view.workspace.images)
    (candidates,) = view.decoder.decode(outputs, pictures)
    return Found(*suppress(candidates, manifest.class_table.groups, manifest.iou_threshold, fit))


def _padded_frames(manifest: Manifest) -> list[Frame]:
    """Return test pictures, or halves of them, that leave padding in the model's input."""
    frames: list[Frame] = []
    by_objects = sorted(builtin_pictures(), key=lambda picture: -len(picture.xyxy))
    for picture in by_objects:
        middle = picture.bgr.shape[1] // 2
        for bgr in (picture.bgr, picture.bgr[:, :middle], picture.bgr[:, middle:]):
            array = ArrayPicture(np.ascontiguousarray(bgr))
            if trimmed_wh(array.wh, manifest) != manifest.input_wh:
                ref = FrameRef("trim", 1, 0, 0, 0, 0, ClockSource.ARRIVAL, True, array.wh)
                frames.append(Frame(ref, array))
    return frames[:_PICTURES]
