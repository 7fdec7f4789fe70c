"""What a family's decoder hands on: one picture's boxes before NMS."""

from dataclasses import dataclass

from edge_agent.types import FloatArray, IntArray

#: More boxes than this in one picture are no picture of a town; the best are kept.
MAX_CANDIDATES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The boxes of one picture that reach the low threshold, before NMS, in no order."""

    xyxy: FloatArray  # (N, 4) pixels of the model's input, not clipped
    score: FloatArray  # (N,)
    class_id: IntArray  # (N,) row of the detector's table
    not_finite: int  # anchors dropped because the model gave NaN or infinity
