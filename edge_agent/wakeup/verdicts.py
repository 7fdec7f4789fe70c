"""What the watch says: when to wake, what to do asleep, what is wrong with the camera."""

from dataclasses import dataclass
from enum import StrEnum

#: Width of a look in pixels: the reader takes every `width // LOOK_WIDTH`-th pixel of the Y plane
#: both ways, so a look is LOOK_WIDTH to 2 * LOOK_WIDTH - 1 wide.
LOOK_WIDTH = 160


class Asleep(StrEnum):
    """What the reader decodes while nothing happens."""

    KEYFRAMES = "keyframes"
    EVERY_SECOND_KEYFRAME = "every_second_keyframe"
    EVERY_FOURTH_KEYFRAME = "every_fourth_keyframe"
    EVERY_EIGHTH_KEYFRAME = "every_eighth_keyframe"
    STAY_AWAKE = "stay_awake"

    @property
    def keyframes_a_look(self) -> int:
        """Of so many keyframes one is looked at."""
        return _KEYFRAMES_A_LOOK.get(self, 1)


_KEYFRAMES_A_LOOK = {
    Asleep.EVERY_SECOND_KEYFRAME: 2,
    Asleep.EVERY_FOURTH_KEYFRAME: 4,
    Asleep.EVERY_EIGHTH_KEYFRAME: 8,
}


class WakeReason(StrEnum):
    """Why a camera was woken."""

    SIZE = "size"  # a packet larger than quiet ones
    PICTURE = "picture"  # two looks differ
    AUDIT = "audit"  # a stretch decoded at random, to measure what the two miss
    FALLBACK = "fallback"  # the watch trusts neither: the camera stays awake


class FaultWord(StrEnum):
    """What can be wrong with a camera that still sends."""

    FROZEN = "frozen"
    DARK = "dark"
    COVERED = "covered"
    BLURRED = "blurred"
    MOVED = "moved"
    BITRATE_CHANGED = "bitrate_changed"
    GOP_CHANGED = "gop_changed"


@dataclass(frozen=True, slots=True)
class Wake:
    """Decode from the last keyframe at or before `from_ns` of the stream's decoding time on.

    `from_ns` may lie before the newest keyframe: what a look shows may have come since the look
    before it.
    """

    reason: WakeReason
    from_ns: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A standing fault of the camera's picture or stream."""

    word: FaultWord
    text: str  # for people: what is seen, with the value
    since_ns: int
