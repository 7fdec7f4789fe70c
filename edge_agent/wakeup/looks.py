"""The picture signal: a keyframe that differs from the quiet picture where nothing did before.

A look is some 160 pixels wide: a person that a detector of 416 pixels can find covers 30 of
them or more. What the light does to the whole picture or a large part of it is taken out by
subtracting the local mean of the difference; what always changes (noise, leaves, rain, a
burnt-in clock) has learned its own scale, pixel by pixel. What is left is averaged over boxes of
a small person's size, and the largest of them counts.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.types import ByteArray, FloatArray
from edge_agent.wakeup.margin import Margin

_BOX_WH = (3, 5)  # px of a look: a small person
_LIGHT_PARTS = 5  # the local mean is taken over a fifth of the picture's width
_LEAST_NOISE = 1.5  # grey levels; decoded keyframes are never quieter
_CLIP = 30.0  # times its noise that a pixel may differ at most
_LEARN_PICTURE, _LEARN_NOISE = 0.25, 0.12
_RISE, _FALL = 0.2, 0.04  # of the usual score, a look: a running quantile of 5/6
_FOLLOW = 0.6  # how fast the picture follows while awake: what leaves leaves no ghost
_LIMIT, _OVER_USUAL, _MOST_LIMIT = 2.4, 1.5, 9.0
_YOUNG = 3.0  # looks' worth of doubt: after so many, the limit stands twice as high
_FORGIVEN = 0.3  # of a false alarm's change is taken for noise
_OTHER_SCENE = 2.5  # times the noise, on average: the camera was turned, or its lamp went on
_WARM_LOOKS = 4
#: The first look after falling asleep or waking up must exceed the limit so many times: asleep,
#: keyframes are decoded without the loop filter, and all block edges differ a little.
_TURNED = 2.0
_FURTHEST_NS = 4_500_000_000  # how far looks lead back


class LookSignal:
    """Compares one camera's keyframes with its quiet picture. About 100 µs a look."""

    __slots__ = (
        "_alarm",
        "_alarm_score",
        "_awake",
        "_held",
        "_noise",
        "_picture",
        "_usual",
        "looks",
        "margin",
        "score",
    )

    def __init__(self) -> None:
        self._picture: FloatArray | None = None  # (h, w) the quiet picture
        self._noise: FloatArray | None = None  # (h, w) its usual change, grey levels
        self._alarm: FloatArray | None = None  # (h, w) the change that raised the last alarm
        self._alarm_score = 0.0
        self._awake = True  # at the last look
        self._usual = 1.0  # a high quantile of quiet scores
        self._held: float | None = None  # a quiet score that the next look must confirm
        self.margin = Margin(step=1.2, most=2.0)
        self.looks = 0  # quiet ones, learned from
        self.score = 0.0  # of the last look

    @property
    def limit(self) -> float:
        """The score from which something happens."""
        usual = min(max(_LIMIT, self._usual * _OVER_USUAL), _MOST_LIMIT)
        young = 1 + _YOUNG / max(self.looks, _WARM_LOOKS)
        return usual * young * self.margin.factor

    @property
    def warm(self) -> bool:
        """Whether enough quiet looks were learned from."""
        return self.looks >= _WARM_LOOKS

    def look(self, luma: ByteArray, *, quiet: bool, awake: bool = False) -> bool:
        """Take a look (h, w) uint8; return whether its score is above the limit.

        Its noise is learned where it is `quiet`; while `awake` the quiet picture follows fast.
        """
        now = cv2.blur(luma, (3, 3)).astype(np.float32)
        picture, noise = self._picture, self._noise
        if picture is None or noise is None or picture.shape != now.shape:
            self._picture = now
            self._noise = np.full(now.shape, _LEAST_NOISE, np.float32)
            self.score = 0.0
            return False
        off = now - picture
        part = max(3, now.shape[1] // _LIGHT_PARTS)
        cv2.absdiff(off, cv2.blur(off, (part, part)), off)
        z = np.minimum(off / noise, _CLIP)
        self.score = float(cv2.blur(z, _BOX_WH).max())
        turned, self._awake = self._awake is not awake, awake
        fired = self.warm and self.score > self.limit * (_TURNED if turned else 1.0)
        if fired:
            self._alarm, self._alarm_score = off, self.score
        if turned:
            self._picture, self._held = now, None
            return fired
        if float(z.mean()) > _OTHER_SCENE:
            self._picture = now
        else:
            cv2.accumulateWeighted(now, picture, _FOLLOW if awake else _LEARN_PICTURE)
        if quiet:
            self._learn(off, noise, fired)
        else:
            self._held = None
        return fired

    def _learn(self, off: FloatArray, noise: FloatArray, fired: bool) -> None:
        """Learn what a quiet look's change `off` (h, w) says of the noise and of its score.

        The score counts only once the next look is quiet too: it may have been the first sign.
        """
        near = cv2.blur(np.minimum(off, 3 * noise), (3, 3)) * np.float32(1.25)
        cv2.accumulateWeighted(near, noise, _LEARN_NOISE if self.warm else 0.4)
        np.maximum(noise, _LEAST_NOISE, out=noise)
        self.looks += 1
        if self._held is not None and self.warm:
            step = self._held - self._usual
            self._usual += step * (_RISE if step > 0 else _FALL)
        self._held = None if fired else self.score

    def restart(self) -> None:
        """Begin a connection: the next look becomes the quiet picture, what was learned stays."""
        self._awake = False

    def false_alarm(self) -> None:
        """Take that the last alarm meant nothing: what changed there is noise for a while."""
        self.margin.widen()
        self._usual += (min(self._alarm_score, 1.5 * self.limit) - self._usual) * _RISE
        if self._alarm is not None and self._noise is not None:
            np.maximum(self._noise, self._alarm * np.float32(_FORGIVEN), out=self._noise)


def changed_since(looks: Sequence[tuple[int, bool]], stream_ns: int) -> int:
    """Return from when on an alarm of the look at `stream_ns` may have begun.

    That is the look before it; where that was half an alarm, the one before that, and so on.

    Args: `looks` (ns, half an alarm) of the looks before, oldest first.
    """
    found_ns = stream_ns
    for ns, half in reversed(looks):
        if stream_ns - ns > _FURTHEST_NS and found_ns < stream_ns:
            break
        found_ns = ns
        if not half:
            break
    return found_ns
