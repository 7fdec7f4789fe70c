"""Faults of a camera's picture and stream, from looks and GOPs alone, with hysteresis.

A fault stands after it has been seen for some time on end, and goes after it has not been seen
for as long. A changed bitrate or GOP stands until the new value has become the usual one.
"""

from math import log2

import cv2
import numpy as np

from edge_agent.types import ByteArray, FloatArray
from edge_agent.wakeup.rates import Running
from edge_agent.wakeup.verdicts import Fault, FaultWord

_NS = 1_000_000_000
_STANDS_AFTER_NS = {
    FaultWord.FROZEN: 60 * _NS,
    FaultWord.DARK: 15 * _NS,
    FaultWord.COVERED: 15 * _NS,
    FaultWord.BLURRED: 20 * _NS,
    FaultWord.MOVED: 20 * _NS,
    FaultWord.BITRATE_CHANGED: 20 * _NS,
    FaultWord.GOP_CHANGED: 20 * _NS,
}
_DARK_LEVEL, _LIGHT_LEVEL = 36, 44  # the brightest twentieth; black is 16 in limited range
_PLAIN, _TEXTURED = 1.6, 2.4  # grey levels of detail
_FROZEN_STEP = 1  # grey levels: a sensor's noise alone changes more somewhere
_RATE_FACTOR, _GOP_FACTOR = 2.5, 1.5
_USUAL_LEARN = 1 / 200  # a GOP, or a look
_KNOWN_LOOKS = 30
_BLUR_FACTOR = 2.0  # times less sharp than usual
_GRID_WH = (32, 18)  # cells in which the view's structure is compared
_OTHER_VIEW, _SAME_VIEW = 0.35, 0.5  # correlation with the usual structure
_KNOWN_GOPS = 10


class Faults:
    """The standing faults of one camera."""

    __slots__ = ("_gop", "_last", "_rate", "_seen", "_sharp", "_standing", "_view", "_views")

    def __init__(self) -> None:
        self._last: ByteArray | None = None
        self._rate, self._gop = Running(), Running()  # log2 of quiet kbit/s; log2 of s
        self._sharp = Running()  # log2 of the detail's part of the contrast
        self._view: FloatArray | None = None  # (h, w) the usual structure
        self._views = 0
        self._seen: dict[FaultWord, tuple[int, bool]] = {}  # since when it is as it is
        self._standing: dict[FaultWord, Fault] = {}

    def restart(self) -> None:
        """Begin a new count of times: what stands stays, with a new beginning."""
        self._seen.clear()
        self._last = None

    @property
    def standing(self) -> tuple[Fault, ...]:
        """The faults that stand now; may be asked from any thread."""
        return tuple(self._standing.values())

    def look(self, luma: ByteArray, stream_ns: int) -> None:
        """Take a keyframe's look (h, w) uint8."""
        bright = _brightest(luma)
        was_dark = FaultWord.DARK in self._standing
        dark = bright < (_LIGHT_LEVEL if was_dark else _DARK_LEVEL)
        self._note(FaultWord.DARK, dark, stream_ns, f"brightest parts at {bright} of 255")
        smooth = np.asarray(cv2.blur(luma, (5, 5)), np.uint8)
        detail = cv2.norm(luma, smooth, cv2.NORM_L1) / luma.size
        limit = _TEXTURED if FaultWord.COVERED in self._standing else _PLAIN
        covered = detail < limit and not dark
        self._note(FaultWord.COVERED, covered, stream_ns, f"no detail: {detail:.1f} grey levels")
        if not (dark or covered):
            self._compare_sharpness(detail, smooth, stream_ns)
            edges = np.asarray(cv2.absdiff(luma, smooth), np.float32)
            self._compare_view(edges, stream_ns)
        last, self._last = self._last, luma
        if last is not None and last.shape == luma.shape:
            step = int(cv2.norm(last, luma, cv2.NORM_INF))
            text = f"the same picture: no pixel moved by more than {step} of 255"
            self._note(FaultWord.FROZEN, step <= _FROZEN_STEP, stream_ns, text)

    def gop(self, kbit_s: float, gop_s: float, stream_ns: int, *, quiet: bool, smart: bool) -> None:
        """Take a whole GOP; bits are compared in quiet times only."""
        if quiet:
            self._compare(
                FaultWord.BITRATE_CHANGED, self._rate, kbit_s, _RATE_FACTOR, "kbit/s", stream_ns
            )
        if not smart:
            self._compare(FaultWord.GOP_CHANGED, self._gop, gop_s, _GOP_FACTOR, "s", stream_ns)

    def _compare_sharpness(self, detail: float, smooth: ByteArray, stream_ns: int) -> None:
        """Note whether the picture has much less detail than usual, for the contrast it has.

        Dusk and fog take both; a lens out of focus, or a drop on it, takes the detail.
        """
        usual, contrast = self._sharp, float(smooth.std()) + 2.0
        x = log2(max(detail, 1e-3) / contrast)
        off = usual.count >= _KNOWN_LOOKS and x < usual.mean - log2(_BLUR_FACTOR)
        self._note(
            FaultWord.BLURRED, off, stream_ns,
            f"blurred: {2.0 ** (x - usual.mean):.2f} of the usual sharpness",
        )  # fmt: skip
        if off:
            usual.mean += (x - usual.mean) * _USUAL_LEARN
        else:
            usual.take(x, _USUAL_LEARN)

    def _compare_view(self, edges: FloatArray, stream_ns: int) -> None:
        """Note whether edges lie elsewhere than usual: light and shadows move few of them."""
        cells = np.log2(cv2.resize(edges, _GRID_WH, interpolation=cv2.INTER_AREA) + 1.0)
        view = (cells - cells.mean()).astype(np.float32)
        usual = self._view
        if usual is None:
            self._view, self._views = view, 1
            return
        size = float(np.linalg.norm(view) * np.linalg.norm(usual))
        alike = float((view * usual).sum()) / size if size else 1.0
        limit = _SAME_VIEW if FaultWord.MOVED in self._standing else _OTHER_VIEW
        off = self._views >= _KNOWN_LOOKS and alike < limit
        text = f"another view: {max(alike, 0.0):.2f} like the usual one"
        self._note(FaultWord.MOVED, off, stream_ns, text)
        self._views += not off  # a new camera must not take a turned view for usual at once
        learn = _USUAL_LEARN if off else max(_USUAL_LEARN, 1 / self._views)
        self._view = usual + (view - usual) * learn

    def _compare(
        self, word: FaultWord, usual: Running, value: float, factor: float, unit: str, ns: int
    ) -> None:
        x = log2(max(value, 1e-3))
        known = usual.count >= _KNOWN_GOPS
        off = known and abs(x - usual.mean) > log2(factor)
        self._note(word, off, ns, f"{value:.3g} {unit}, usually {2.0**usual.mean:.3g} {unit}")
        if off:
            usual.mean += (x - usual.mean) * _USUAL_LEARN
        else:
            usual.take(x, _USUAL_LEARN)

    def _note(self, word: FaultWord, seen: bool, stream_ns: int, text: str) -> None:
        since_ns, before = self._seen.get(word, (stream_ns, seen))
        if before is not seen:
            since_ns = stream_ns
        self._seen[word] = (since_ns, seen)
        if seen is (word in self._standing) or stream_ns - since_ns < _STANDS_AFTER_NS[word]:
            return
        standing = dict(self._standing)
        if seen:
            standing[word] = Fault(word, text, since_ns)
        else:
            del standing[word]
        self._standing = standing  # replaced whole: others may be reading


def _brightest(luma: ByteArray) -> int:
    """Return the level that the brightest twentieth of a look (h, w) reaches."""
    few = luma[::3, ::3].ravel()
    return int(np.partition(few, -1 - len(few) // 20)[-1 - len(few) // 20])
