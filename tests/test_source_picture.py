"""AvPicture: pixels for the model, within one grey level of a straightforward reference."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from edge_agent.source.picture import AvPicture
from edge_agent.types import Wh
from tests.clips import Recipe, clip

#: AVColorSpace (libavutil/pixfmt.h) -> the matrix's Kr and Kb (ITU-T H.273).
MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}
UNTAGGED = 2


def picture(
    wh: Wh = (640, 360), *, matrix: int = 1, full: bool = False, fmt: str = "yuv420p"
) -> av.VideoFrame:
    """Return a smooth YUV frame with random tint, tagged as asked."""
    width, height = wh
    rng = np.random.default_rng(5)
    planes = []
    low, high = (0, 255) if full else (16, 235)
    for w, h in ((width, height), (width // 2, height // 2), (width // 2, height // 2)):
        coarse = rng.integers(low + 40, high - 40, (6, 8)).astype(np.float32)
        planes.append(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC))
    stacked = np.concatenate([p.clip(low, high).round().astype(np.uint8).ravel() for p in planes])
    frame = av.VideoFrame.from_ndarray(stacked.reshape(height * 3 // 2, width), "yuv420p")
    if fmt != "yuv420p":
        frame = frame.reformat(format=fmt, threads=1)
    frame.colorspace = matrix
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    return frame


def reference_rgb(frame: av.VideoFrame, out_wh: Wh) -> NDArray[np.float64]:
    """Return (3, h, w) in 0..255 by the formulas of H.273, averaged over areas."""
    yuv = frame.to_ndarray(format="yuv420p") if frame.format.name != "yuv420p" else None
    raw = frame.to_ndarray() if yuv is None else yuv
    height, width = frame.height, frame.width
    size = width * height
    flat = raw.ravel().astype(np.float64)
    y = flat[:size].reshape(height, width)
    chroma = [
        cv2.resize(
            flat[size + i * size // 4 : size + (i + 1) * size // 4].reshape(
                height // 2, width // 2
            ),
            out_wh,
            interpolation=cv2.INTER_AREA,
        )
        for i in (0, 1)
    ]
    y = cv2.resize(y, out_wh, interpolation=cv2.INTER_AREA)
    full = frame.color_range == ColorRange.JPEG
    y = y / 255 if full else (y - 16) / 219
    u, v = ((c - 128) / (255 if full else 224) for c in chroma)
    kr, kb = MATRICES[frame.colorspace if frame.colorspace in MATRICES else 6]
    red = y + 2 * (1 - kr) * v
    blue = y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.stack([red, green, blue]).clip(0, 1) * 255


@pytest.mark.parametrize("matrix", [1, 6, UNTAGGED])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("out_wh", [(320, 180), (160, 90)])
def test_scaled_pixels_are_within_one_grey_level(matrix: int, full: bool, out_wh: Wh) -> None:
    frame = picture(matrix=matrix, full=full)
    out = np.full((3, out_wh[1], out_wh[0]), -1, np.float32)
    AvPicture(frame).scale_into(out, channels="rgb")
    off = np.abs(out - reference_rgb(frame, out_wh))
    assert off.max() <= 1.01
    assert out.min() >= 0
    assert out.max() <= 255


def test_the_matrix_matters() -> None:
    """The same planes under another tag: what ignoring it would cost."""
    outs = []
    for matrix in (1, 6):
        out = np.empty((3, 90, 160), np.float32)
        AvPicture(picture(matrix=matrix)).scale_into(out, channels="rgb")
        outs.append(out)
    assert np.abs(outs[0] - outs[1]).max() > 5


def test_bgr_is_rgb_the_other_way_round() -> None:
    rgb, bgr = np.empty((2, 3, 90, 160), np.float32)
    AvPicture(picture()).scale_into(rgb, channels="rgb")
    AvPicture(picture()).scale_into(bgr, channels="bgr")
    assert np.array_equal(rgb[::-1], bgr)
    assert not np.array_equal(rgb[0], rgb[2])


def test_a_padded_line_and_a_strided_window_of_a_batch() -> None:
    """A width that SIMD pads, into the middle of a larger array: nothing else is touched."""
    batch = np.full((2, 3, 120, 200), -7, np.float32)
    window = batch[1, :, 5 : 5 + 51, 9 : 9 + 91]
    AvPicture(picture((364, 204))).scale_into(window, channels="rgb")
    alone = np.empty((3, 51, 91), np.float32)
    AvPicture(picture((364, 204))).scale_into(alone, channels="rgb")
    assert np.array_equal(window, alone)
    assert (batch == -7).sum() == batch.size - window.size


@pytest.mark.parametrize("fmt", ["yuv422p", "nv12", "yuv420p10le"])
def test_other_layouts_of_planes_give_the_same_picture(fmt: str) -> None:
    out, expected = np.empty((2, 3, 90, 160), np.float32)
    AvPicture(picture(fmt=fmt)).scale_into(out, channels="rgb")
    AvPicture(picture()).scale_into(expected, channels="rgb")
    assert np.abs(out - expected).max() <= 1.5


@pytest.mark.parametrize(
    ("shape", "channels"), [((90, 160, 3), "rgb"), ((3, 90), "rgb"), ((3, 90, 160), "gray")]
)
def test_wrong_shapes_and_orders_are_named(shape: tuple[int, ...], channels: str) -> None:
    with pytest.raises(ValueError, match="scale_into: out"):
        AvPicture(picture()).scale_into(np.empty(shape, np.float32), channels=channels)


@pytest.mark.parametrize("matrix", [1, 6])
def test_a_still_has_full_size_and_true_colours(matrix: int) -> None:
    frame = picture(matrix=matrix)
    still = AvPicture(frame).to_bgr()
    assert still.shape == (360, 640, 3)
    assert still.dtype == np.uint8
    expected = reference_rgb(frame, (640, 360))[::-1].transpose(1, 2, 0)
    assert np.abs(still - expected).mean() < 1.0


@pytest.mark.parametrize("colorspace", [None, "bt709", "smpte170m"])
def test_a_decoded_clip_keeps_its_tag(colorspace: str | None) -> None:
    with av.open(str(clip(Recipe(frames=2, colorspace=colorspace)))) as container:
        frame = next(container.decode(video=0))
        out = np.empty((3, 60, 80), np.float32)
        AvPicture(frame).scale_into(out, channels="rgb")
        assert np.abs(out - reference_rgb(frame, (80, 60))).mean() < 1.5
    assert AvPicture(frame).wh == (320, 240)
