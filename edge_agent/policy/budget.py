"""What a site's cameras would cost on a box, and whether that fits. Pure.

Per camera, in CPU milliseconds a second: receiving, decoding, inference at what is left of
`target_fps`, and the agent's own work on top. Unit costs are measured on the box by who calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.policy.decoding import decode_mode
from edge_agent.policy.ladder import Rung
from edge_agent.settings import CameraSettings, DecodeMode
from edge_agent.types import Wh

#: Share of cores and lanes that may be planned with: the rest is for the system, bursts, wake-ups.
USABLE = 0.85
#: Receiving a packet over RTSP costs this part of decoding a 1080p frame: 0.08 ms beside 1.5 ms
#: on the machine of docs/performance.md; both scale with the processor.
RECEIVE_PART = 0.055
#: Tracking, rules, outbox and sending, as a part of all else; docs/performance.md, overhead.
OVERHEAD_PART = 0.15
_REFERENCE_MPX = 1920 * 1080 / 1e6


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure and how far its repetitions lay apart (half of the range)."""

    value: float
    spread: float = 0.0

    @property
    def relative(self) -> float:
        """The spread as a part of the value."""
        return self.spread / self.value if self.value else 0.0


@dataclass(frozen=True, slots=True)
class BoxCosts:
    """What single pieces of work cost on this box."""

    cores: float  # that the service may use
    frame_ms_mpx: Figure  # decode, a frame of a GOP on average, per million pixels
    keyframe_ms_mpx: Figure  # decode, a keyframe alone
    image_ms: Figure  # preprocess, inference and boxes of one picture: CPU, all threads
    images_s: Figure  # all lanes together, with nothing else to do


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What a camera sends, and how that is known: probed, file or assumed.

    `receive_ms` and `decode_ms` are what a frame of it took here, None where nobody has measured.
    """

    wh: Wh
    fps: float
    keyframe_s: float
    known: str
    codec: str = "h264"
    receive_ms: float | None = None
    decode_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CameraCost:
    """CPU milliseconds a second of one camera, on average over its awake and asleep time."""

    camera_id: str
    mode: DecodeMode
    receive: float
    decode: float
    infer: float
    overhead: float
    images_s: float  # pictures analysed a second

    @property
    def total(self) -> float:
        return self.receive + self.decode + self.infer + self.overhead


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a site fits; shares are of what the box has, 1.0 is all of it."""

    cores_share: float
    lanes_share: float
    uncertainty: float  # relative, of the shares, by repeated measuring
    fits: bool
    tight: bool  # fits, but not with the uncertainty on top

    @property
    def share(self) -> float:
        """The fuller of the two."""
        return max(self.cores_share, self.lanes_share)

    @property
    def headroom(self) -> float:
        """How much more would fit, as a part of what is planned; below 0: how much is too much."""
        return USABLE / self.share - 1 if self.share else float("inf")


def estimate(
    camera: CameraSettings, stream: StreamFacts, box: BoxCosts, *, awake: float, stride: int = 1
) -> CameraCost:
    """Return what a camera costs.

    Args: `awake` the part of the time in which cameras that decode on demand are awake;
        `stride` every n-th frame of the pts grid is analysed.
    """
    mode, _ = decode_mode(camera)
    mpx = stream.wh[0] * stream.wh[1] / 1e6
    frame_ms = stream.decode_ms or box.frame_ms_mpx.value * mpx
    whole = stream.fps * frame_ms
    keyframes = box.keyframe_ms_mpx.value * mpx / stream.keyframe_s
    part = {DecodeMode.ALWAYS: 1.0, DecodeMode.KEYFRAMES: 0.0}.get(mode, awake)
    decode = part * whole + (1 - part) * min(keyframes, whole)
    offered = min(camera.target_fps, stream.fps) * part
    if mode is DecodeMode.KEYFRAMES:
        offered = min(camera.target_fps, 1 / stream.keyframe_s)
    images_s = offered / stride
    packet_ms = stream.receive_ms or RECEIVE_PART * box.frame_ms_mpx.value * _REFERENCE_MPX
    receive = stream.fps * packet_ms
    infer = images_s * box.image_ms.value
    overhead = OVERHEAD_PART * (receive + decode + infer)
    return CameraCost(camera.id, mode, receive, decode, infer, overhead, images_s)


def judge(costs: Sequence[CameraCost], box: BoxCosts) -> Verdict:
    """Return whether `costs` together fit into the box."""
    total = sum(cost.total for cost in costs)
    decode = sum(cost.receive + cost.decode for cost in costs)
    infer = sum(cost.infer for cost in costs)
    cores_share = total / (box.cores * 1000)
    lanes_share = sum(cost.images_s for cost in costs) / box.images_s.value
    decode_part = decode / (decode + infer) if decode + infer else 0.0
    by_cores = (
        (decode_part * box.frame_ms_mpx.relative) ** 2
        + ((1 - decode_part) * box.image_ms.relative) ** 2
    ) ** 0.5
    uncertainty = by_cores if cores_share >= lanes_share else box.images_s.relative
    share = max(cores_share, lanes_share)
    fits = share <= USABLE
    return Verdict(
        cores_share=cores_share,
        lanes_share=lanes_share,
        uncertainty=uncertainty,
        fits=fits,
        tight=fits and share * (1 + uncertainty) > USABLE,
    )


def first_rung_that_fits(
    cameras: Sequence[CameraSettings],
    streams: Sequence[StreamFacts],
    box: BoxCosts,
    ladder: Sequence[Rung],
    *,
    awake: float,
) -> int | None:
    """Return the lowest rung of a site's ladder on which it fits; None where none is enough.

    Every awake camera counts as one in which something moves: the worse case.
    """
    for number, rung in enumerate(ladder):
        costs = [
            estimate(camera, stream, box, awake=awake, stride=stride)
            for camera, stream, stride in zip(cameras, streams, rung.moving, strict=True)
        ]
        if judge(costs, box).fits:
            return number
    return None


def most_awake(
    cameras: Sequence[CameraSettings], streams: Sequence[StreamFacts], box: BoxCosts
) -> float | None:
    """Return up to which part of the time all cameras may be awake; None where not even 0 fits."""

    def fits(awake: float) -> bool:
        pairs = zip(cameras, streams, strict=True)
        return judge([estimate(c, s, box, awake=awake) for c, s in pairs], box).fits

    steps = [step / 100 for step in range(101)]
    return max((step for step in steps if fits(step)), default=None)
