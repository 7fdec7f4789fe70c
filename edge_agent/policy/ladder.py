"""What is given up when the box is full, in which order: the rungs of a site's ladder. Pure.

    0  nothing is given up
    1  updates of tracks come a third as often
    2  quiet rural cameras: every second point of the pts grid
    3  quiet suburban cameras
    …  all cameras that are no checkpoint: rural halved, suburban halved, urban halved,
    …  the same round again for a quarter, an eighth, and the floor
    …  last the checkpoints, in the same rounds

A camera is quiet while nothing in its picture moves. Quiet cameras of the rural and suburban
rings get half of what a moving one of theirs gets, as far as the floor allows; checkpoints see
what passes once, so they are never thinned for being quiet. Rungs that change nothing at a site
are left out: a town without rural cameras has no rural rung.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.settings import CameraSettings
from edge_agent.types import Layer, Ring

#: No camera is analysed more rarely than this, however full the box is.
FLOOR_S = 2.0
#: How much longer the pauses between updates of a track become.
UPDATE_STRETCH = 3.0
#: Of a moving camera's rate, one round after the other; None: down to the floor.
_ROUNDS = (2, 4, 8, None)
#: Who yields first: (whether checkpoints, part of the rate that is left, ring).
_ORDER = tuple(
    (checkpoint, part, ring)
    for checkpoint in (False, True)
    for part in _ROUNDS
    for ring in (Ring.RURAL, Ring.SUBURBAN, Ring.URBAN)
)


@dataclass(frozen=True, slots=True)
class Rung:
    """What every camera still gets: every n-th point of its pts grid, 1 for all of them."""

    name: str
    update_stretch: float
    moving: tuple[int, ...]  # by camera, while something moves in its picture
    quiet: tuple[int, ...]  # by camera, while nothing does


def build_ladder(cameras: Sequence[CameraSettings], *, coast_s: float) -> tuple[Rung, ...]:
    """Return the rungs of a site, from giving up nothing to the floor.

    Args: `coast_s` how long a track lives without a match (`tracking.coast_s`): a camera in
    which something moves is analysed twice within it, so that thinning ends no track.
    """
    ones = tuple(1 for _ in cameras)
    rungs = [Rung("all", 1.0, ones, ones), Rung("updates", UPDATE_STRETCH, ones, ones)]
    moving_floor_s = min(FLOOR_S, coast_s / 2)
    floors = [longest_stride(camera.target_fps, moving_floor_s) for camera in cameras]
    strides = list(ones)
    halved: set[Ring] = set()

    def climb(name: str) -> None:
        quiet = tuple(
            min(
                stride * (2 if _yields_when_quiet(camera, halved) else 1),
                max(stride, longest_stride(camera.target_fps, FLOOR_S)),
            )
            for camera, stride in zip(cameras, strides, strict=True)
        )
        rung = Rung(name, UPDATE_STRETCH, tuple(strides), quiet)
        if (rung.moving, rung.quiet) != (rungs[-1].moving, rungs[-1].quiet):
            rungs.append(rung)

    for ring in (Ring.RURAL, Ring.SUBURBAN):
        halved.add(ring)
        climb(f"quiet {ring.value}")
    for checkpoint, part, ring in _ORDER:
        for i, camera in enumerate(cameras):
            if (camera.ring, camera.layer is Layer.CHECKPOINT) == (ring, checkpoint):
                strides[i] = floors[i] if part is None else min(part, floors[i])
        climb(_name(ring, checkpoint, part))
    return tuple(rungs)


def longest_stride(target_fps: float, floor_s: float) -> int:
    """Return the largest n for which every n-th frame still comes every `floor_s`; at least 1."""
    return max(1, int(target_fps * floor_s + 1e-9))


def _yields_when_quiet(camera: CameraSettings, halved: set[Ring]) -> bool:
    return camera.ring in halved and camera.layer is not Layer.CHECKPOINT


def _name(ring: Ring, checkpoint: bool, part: int | None) -> str:
    who = f"{ring.value} checkpoints" if checkpoint else ring.value
    return f"{who} to the floor" if part is None else f"{who} 1/{part}"
