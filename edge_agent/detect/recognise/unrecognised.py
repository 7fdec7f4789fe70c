"""Why a file that runs is no detector, as far as its outputs tell, and what would be one."""

from collections.abc import Mapping
from typing import NoReturn

from edge_agent.detect.families import FAMILIES
from edge_agent.detect.graph_facts import GraphFacts
from edge_agent.errors import ModelError

#: Ultralytics' exports tell their task.
_TASKS = {
    "classify": "a classifier",
    "segment": "a segmenter",
    "pose": "a pose net",
    "obb": "a detector of turned boxes",
}
#: An output map at least this part of the picture's side is made of pixels, not of cells.
_PIXEL_MAP = 4


def accepted_families() -> str:
    """Return what is accepted, in words."""
    titles = "; ".join(family.title for family in FAMILIES.values())
    return f"accepted are detectors with the outputs of {titles}"


def refuse_other_tasks(metadata: Mapping[str, str]) -> None:
    """Raise ModelError where the file says that it does something else than to detect."""
    kind = _TASKS.get(metadata.get("task", ""))
    if kind is not None:
        raise ModelError(f'its metadata says task "{metadata["task"]}": {kind}; {_wanted()}')


def refuse_unrecognised(facts: GraphFacts) -> NoReturn:
    """Raise ModelError that says what the outputs look like and what would be accepted."""
    assert facts.probe is not None
    shapes = [(name, output.shape) for name, output in facts.probe.outputs.items()]
    seen = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in shapes)
    raise ModelError(f"no family knows its outputs ({seen}){_likeness(facts)}; {_wanted()}")


def _wanted() -> str:
    return f"{accepted_families()}; see docs/models.md, Bring your own model"


def _likeness(facts: GraphFacts) -> str:
    assert facts.probe is not None
    shapes = [output.shape for output in facts.probe.outputs.values()]
    if all(len(shape) <= 2 and shape[:1] == (1,) for shape in shapes):
        width = max((shape[-1] for shape in shapes if shape), default=0)
        kind = "a classifier, or an embedding net" if width > 1 else "one number a picture"
        return f": they look like those of {kind}"
    w, h = facts.probe.input_wh
    for shape in shapes:
        if len(shape) in (3, 4) and shape[-2] * _PIXEL_MAP >= h and shape[-1] * _PIXEL_MAP >= w:
            return ": a map of the picture's pixels, as a segmenter gives"
    return ""
