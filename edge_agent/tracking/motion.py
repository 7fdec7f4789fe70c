"""How boxes move between frames: straight on, one small Kalman filter a coordinate.

A box is centre and size, (cx, cy, w, h). With diagonal noise the usual eight-dimensional
filter falls apart into four of (value, speed), so no matrix is ever inverted and a whole
camera takes a handful of operations on arrays. Noise is given in parts of the object's own
size and in seconds, so that one set of numbers serves a person of 30 px and a lorry of
300 px, at 2 fps and at 25.

What goes straight on at an even speed through the world does not do so in the picture: at
distance Z, coming nearer by V a second, centre and size are both of the form (a + b·t) / (Z - V·t).
Their accelerations are 2·V/Z times their speeds, and V/Z is what the size tells: its speed over
itself. So the way until the next frame is the speed's, times 1 / (1 - dt·V/Z), and the speed
grows by the square of that. A motorcycle that passes the camera at 36 km/h grows by a third in
two tenths of a second; a constant speed in the picture is half its length behind by then.

Source: Bar-Shalom, Li, Kirubarajan, Estimation with Applications to Tracking and
Navigation (2001), 6.2 (white-noise acceleration); Bewley et al., SORT, ICIP 2016.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import BoolArray, FloatArray

StateArray: TypeAlias = NDArray[np.float64]

#: Standard deviations in parts of the object's size: of a detected box's coordinates, …
MEASURED = 0.1
#: … of the acceleration (size/s²) of centre and extent, …
ACCELERATION = np.array([1.5, 1.5, 0.3, 0.3])
#: … and of the speed (size/s) of an object seen once.
FIRST_SPEED = np.array([1.5, 1.5, 0.4, 0.4])
#: The variance (px²) of a measurement that tells nothing.
NO_MEASUREMENT = 1e15
#: A prediction reaches no further than this, however long no frame came.
LONGEST_STEP_S = 1.0
#: Between two frames an object comes nearer by at most half its distance, and doubles it at most.
NEAREST, FURTHEST = 0.5, -1.0

#: From cx, cy, w, h to xyxy and back, as one product: for a few boxes cheaper than slices.
TO_XYXY = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])
TO_CENTRE_SIZE = np.linalg.inv(TO_XYXY)

#: Of f = 1 / (1 - dt·V/Z): in value and speed, and in their variances.
_POWERS = np.array([[0.0], [-1.0], [0.0], [-1.0], [-2.0]])


@dataclass(slots=True)
class Motion:
    """The filters of M tracks, over cx, cy, w, h in px and px/s.

    One array holds all: each call on arrays costs 5 to 10 µs after an inference.
    """

    state: StateArray  # (M, 5, 4) value, speed; variance of the value, shared, of the speed
    area: StateArray  # (M, 1) px²

    def predict(self, dt_s: float, seen: BoolArray) -> None:
        """Move all states `dt_s` seconds on, those `seen` (M,) in the last frame and the others."""
        step_s = min(dt_s, LONGEST_STEP_S)
        move, noise = transition(step_s)
        count = len(self.state)
        faster = self._faster(step_s, seen)
        state: StateArray = (self.state * faster).reshape(count, 20) @ move
        size = state[:, 2:4]
        np.maximum(size, 1.0, out=size)
        self.area = size[:, :1] * size[:, 1:]
        state[:, 8:] += self.area * noise
        self.state = state.reshape(count, 5, 4)
        self.state *= faster

    def _faster(self, step_s: float, seen: BoolArray) -> StateArray:
        """Return (M, 5, 1) what to multiply by, before and after a step in a straight line.

        Of value, speed and its square: 1, f and f² with f = 1 / (1 - dt·V/Z).
        """
        rate = self.state[:, 1, 2:] / np.maximum(self.state[:, 0, 2:], 1.0)
        wider, taller = rate[:, 0], rate[:, 1]
        # Both must agree: what turns, or is cut by something in front, comes no nearer.
        nearer = np.maximum(np.minimum(wider, taller), 0)
        np.minimum(nearer, np.maximum(wider, taller), out=nearer)
        nearer *= step_s
        # What is hidden may go away ever more slowly; coming nearer it would soon be anywhere.
        np.minimum(nearer, NEAREST * seen, out=nearer)
        np.maximum(nearer, FURTHEST, out=nearer)
        faster: StateArray = (1 - nearer)[:, None, None] ** _POWERS
        return faster

    def correct(self, xyxy: FloatArray, measured: BoolArray) -> None:
        """Take the boxes `xyxy` (M, 4) px into account, those that are `measured` (M,).

        The others are as good as infinitely noisy, which leaves their states alone: for a
        few dozen rows that is cheaper than to pick rows out and put them back.
        """
        noise = self.area * MEASURED**2
        noise[~measured] = NO_MEASUREMENT
        mean, variance = self.state[:, :2], self.state[:, 2:]
        gain = variance[:, :2] / (variance[:, :1] + noise[:, :, None])
        missed = centre_size(xyxy) - mean[:, 0]
        mean += gain * missed[:, None]
        variance[:, 2] -= gain[:, 1] * variance[:, 1]
        np.multiply(gain, noise[:, :, None], out=variance[:, :2])

    def halt(self, rows: BoolArray) -> None:
        """Take all speed out of `rows` (M,)."""
        self.state[rows, 1] = 0

    def scale(self, factor: StateArray) -> None:
        """Multiply all x by `factor[0]`, all y by `factor[1]`."""
        four = np.concatenate([factor, factor])
        self.state[:, :2] *= four
        self.state[:, 2:] *= four**2
        self.area *= factor.prod()

    def doubt(self) -> FloatArray:
        """Return (M,) the standard deviation of the centres, in parts of the objects' size."""
        variance: StateArray = np.maximum(self.state[:, 2, 0], self.state[:, 2, 1])
        variance /= self.area[:, 0]
        doubt: FloatArray = np.sqrt(variance.astype(np.float32))
        return doubt

    def boxes(self) -> FloatArray:
        """Return the states as (M, 4) xyxy px."""
        boxes: StateArray = self.state[:, 0] @ TO_XYXY
        return boxes.astype(np.float32)


def begin_motion(xyxy: FloatArray) -> Motion:
    """Return the filters of objects seen for the first time at `xyxy` (M, 4) px."""
    value = centre_size(xyxy)
    area = np.maximum(value[:, 2:3] * value[:, 3:], 1.0)
    state = np.zeros((len(xyxy), 5, 4))
    state[:, 0] = value
    state[:, 2] = area * MEASURED**2
    state[:, 4] = area * FIRST_SPEED**2
    return Motion(state, area)


def centre_size(xyxy: FloatArray) -> StateArray:
    """Return (M, 4) cx, cy, w, h of (M, 4) xyxy."""
    out: StateArray = xyxy.astype(np.float64) @ TO_CENTRE_SIZE
    return out


@lru_cache(maxsize=256)
def transition(dt: float) -> tuple[StateArray, StateArray]:
    """Return what `dt` seconds do to a state, (20, 20) to multiply from the right, and what they
    add to its variances, (12,) size².
    """
    move = np.array([[1, 0], [dt, 1]])
    spread = np.array([[1, 0, 0], [2 * dt, 1, 0], [dt * dt, dt, 1]])
    grown = np.outer([dt**4 / 4, dt**3 / 2, dt**2], ACCELERATION**2)
    both = np.zeros((5, 5))
    both[:2, :2], both[2:, 2:] = move, spread
    of_four: StateArray = np.asarray(np.kron(both, np.eye(4)), np.float64)
    return of_four, grown.ravel()
