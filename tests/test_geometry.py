"""Boxes, letterboxes and polygons: tables, properties, and the slow form beside the fast one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.geometry import (
    anchor_points,
    iou_matrix,
    letterbox,
    nms,
    points_in_polygon,
    stretch,
)
from tests.reference_yolox import Box, suppress

quickly = settings(deadline=None, max_examples=60, derandomize=True)

_edge = st.floats(-200, 2000, width=32, allow_subnormal=False)
_box = st.tuples(_edge, _edge, _edge, _edge).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)
_boxes = st.lists(_box, min_size=0, max_size=12)
_side = st.integers(1, 4000)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),  # touching
        ((0, 0, 10, 10), (30, 30, 40, 40), 0.0),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),  # inside
        ((5, 5, 5, 5), (0, 0, 10, 10), 0.0),  # no area
        ((5, 5, 5, 5), (5, 5, 5, 5), 0.0),  # no area, twice
    ],
)
def test_iou_of_known_pairs(a: tuple, b: tuple, iou: float) -> None:
    assert iou_matrix(boxes(a), boxes(b))[0, 0] == pytest.approx(iou, abs=1e-6)


@quickly
@given(_boxes, _boxes)
def test_iou_is_symmetric_and_bounded(a: list, b: list) -> None:
    forth = iou_matrix(boxes(*a), boxes(*b))
    assert forth.shape == (len(a), len(b))
    assert forth.dtype == np.float32
    assert ((forth >= 0) & (forth <= 1)).all()
    np.testing.assert_allclose(forth, iou_matrix(boxes(*b), boxes(*a)).T, atol=1e-6)


@quickly
@given(st.lists(_box.filter(lambda b: b[2] - b[0] > 0.1 and b[3] - b[1] > 0.1), min_size=1))
def test_a_box_with_area_overlaps_itself_wholly(rows: list) -> None:
    np.testing.assert_allclose(np.diag(iou_matrix(boxes(*rows), boxes(*rows))), 1, rtol=1e-3)


@pytest.mark.parametrize(
    ("src_wh", "dst_wh", "inner_wh", "middle"),
    [
        ((810, 1080), (416, 416), (312, 416), (52, 0)),
        ((1920, 1080), (416, 416), (416, 234), (0, 91)),
        ((640, 424), (416, 416), (416, 275), (0, 70)),  # 275.6 goes down, odd rest goes down
        ((416, 416), (416, 416), (416, 416), (0, 0)),
        ((160, 90), (416, 416), (416, 234), (0, 91)),  # up
        ((4000, 3), (416, 416), (416, 1), (0, 207)),  # never without a row
        ((640, 360), (160, 96), (160, 90), (0, 3)),
    ],
)
def test_letterbox_sizes_and_places(
    src_wh: tuple, dst_wh: tuple, inner_wh: tuple, middle: tuple
) -> None:
    corner = letterbox(src_wh, dst_wh, centred=False)
    centre = letterbox(src_wh, dst_wh, centred=True)
    assert (corner.inner_wh, corner.offset) == (inner_wh, (0, 0))
    assert (centre.inner_wh, centre.offset) == (inner_wh, middle)


@quickly
@given(_side, _side, st.sampled_from([(416, 416), (640, 384), (320, 320)]), st.booleans())
def test_a_letterbox_fills_one_side_and_overflows_none(
    w: int, h: int, dst_wh: tuple[int, int], centred: bool
) -> None:
    fit = letterbox((w, h), dst_wh, centred=centred)
    for side in range(2):
        assert fit.inner_wh[side] >= 1
        assert 0 <= fit.offset[side] <= dst_wh[side] - fit.inner_wh[side]
    assert fit.inner_wh[0] == dst_wh[0] or fit.inner_wh[1] == dst_wh[1]
    assert fit.view(np.zeros((3, dst_wh[1], dst_wh[0]), np.float32)).shape == (
        3,
        fit.inner_wh[1],
        fit.inner_wh[0],
    )


@quickly
@given(st.integers(16, 4000), st.integers(16, 4000), st.sampled_from(["left", "mid", "all"]), _box)
def test_boxes_come_back_from_the_letterbox(
    w: int, h: int, kind: str, box: tuple[float, float, float, float]
) -> None:
    fit = (
        stretch((w, h), (416, 320))
        if kind == "all"
        else letterbox((w, h), (416, 320), centred=kind == "mid")
    )
    inside = np.clip(boxes(box), 0, np.array([w, h, w, h], np.float32))
    scale, offset = np.array(fit.scale * 2), np.array(fit.offset * 2)
    there = (inside * scale + offset).astype(np.float32)
    np.testing.assert_allclose(fit.to_source(there), inside, atol=max(w, h) * 2e-5)


def test_boxes_outside_the_picture_are_clipped_to_it() -> None:
    fit = letterbox((640, 360), (416, 416), centred=True)
    back = fit.to_source(boxes((-50, -50, 900, 900), (0, 0, 20, 50)))
    np.testing.assert_allclose(back[0], [0, 0, 640, 360])
    assert back[1, 1] == back[1, 3] == 0  # wholly in the padding: no height left


@pytest.mark.parametrize("sizes", [((0, 5), (416, 416)), ((5, 5), (416, 0))])
def test_sizes_below_one_are_refused(sizes: tuple) -> None:
    with pytest.raises(ValueError, match="sizes start at 1"):
        letterbox(*sizes, centred=False)
    with pytest.raises(ValueError, match="sizes start at 1"):
        stretch(*sizes)


def test_nms_keeps_the_best_of_each_group() -> None:
    xyxy = boxes((0, 0, 10, 10), (1, 0, 11, 10), (1, 1, 11, 11), (100, 0, 110, 10))
    score = np.array([0.5, 0.9, 0.8, 0.3], np.float32)
    assert nms(xyxy, score, np.array([0, 0, 0, 0], np.int32), 0.5).tolist() == [1, 3]
    assert nms(xyxy, score, np.array([0, 0, 1, 0], np.int32), 0.5).tolist() == [1, 2, 3]
    assert nms(xyxy[:0], score[:0], np.zeros(0, np.int32), 0.5).tolist() == []


def test_nms_keeps_groups_apart_outside_the_picture_too() -> None:
    # OpenCV shifts group 1 right and down by the largest edge + 1: here onto group 0.
    xyxy = boxes((300, 0, 416, 100), (-117, -417, -1, -317))
    score = np.array([0.9, 0.8], np.float32)
    assert nms(xyxy, score, np.array([0, 1], np.int32), 0.5).tolist() == [0, 1]


_scored = st.lists(
    st.tuples(_box, st.integers(1, 1000), st.integers(0, 1)),
    max_size=25,
    unique_by=lambda row: row[1],
)


def _unzip(rows: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    xyxy = boxes(*(row[0] for row in rows))
    score = np.array([row[1] / 1000 for row in rows], np.float32)
    return xyxy, score, np.array([row[2] for row in rows], np.int32)


@quickly
@given(_scored)
def test_nms_is_sorted_and_idempotent(rows: list) -> None:
    xyxy, score, group = _unzip(rows)
    kept = nms(xyxy, score, group, 0.4)
    assert (np.diff(score[kept]) < 0).all()
    again = nms(xyxy[kept], score[kept], group[kept], 0.4)
    assert again.tolist() == list(range(len(kept)))


@pytest.mark.parametrize("seed", range(6))
def test_nms_equals_the_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centre = np.repeat(rng.uniform(0, 300, (12, 2)), 8, axis=0) + rng.normal(0, 6, (96, 2))
    half = rng.uniform(10, 40, (96, 2))
    xyxy = np.concatenate((centre - half, centre + half), axis=1).astype(np.float32)
    score = rng.permutation(96).astype(np.float32) / 100
    group = rng.integers(0, 3, 96).astype(np.int32)
    rows = [
        Box(*map(float, b), float(s), i) for i, (b, s) in enumerate(zip(xyxy, score, strict=True))
    ]
    by_loop = suppress(rows, {i: str(g) for i, g in enumerate(group)}, 0.45)
    assert nms(xyxy, score, group, 0.45).tolist() == [box.label for box in by_loop]


_SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
_U_SHAPE = [(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)]


@pytest.mark.parametrize(
    ("polygon", "point", "inside"),
    [
        (_SQUARE, (0.5, 0.5), True),
        (_SQUARE, (1.5, 0.5), False),
        (_SQUARE, (0.5, 1.0), True),  # an object cut by the picture's lower edge
        (_SQUARE, (1.0, 0.3), True),
        (_SQUARE, (0.0, 0.0), True),  # a corner
        (_SQUARE, (-0.001, 0.0), False),  # on the line of an edge, beyond its end
        (_U_SHAPE, (0.5, 2), True),
        (_U_SHAPE, (1.5, 2), False),  # in the gap of the U
        (_U_SHAPE, (2.5, 2), True),
        (_U_SHAPE, (1.5, 1), True),  # on the gap's floor
        (_U_SHAPE, (1.5, 1.01), False),
        ([(0, 0), (0, 0), (4, 0), (0, 4)], (1, 1), True),  # a corner given twice
        ([(0, 0), (0, 0), (4, 0), (0, 4)], (3, 3), False),
    ],
)
def test_points_in_known_polygons(polygon: list, point: tuple, inside: bool) -> None:
    points = np.array([point], np.float32)
    assert points_in_polygon(points, polygon).tolist() == [inside]
    assert points_in_polygon(points, polygon[::-1]).tolist() == [inside]  # either way round


@quickly
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=3, max_size=8),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=8),
)
def test_points_in_any_polygon_equal_a_ray_cast(polygon: list, cells: list) -> None:
    # Points off the lattice's lines: no edge of a lattice polygon is nearer than 1e-3.
    points = np.array(cells, np.float32) + np.array([0.3137, 0.4713], np.float32)

    def cast(x: float, y: float) -> bool:
        inside = False
        for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if (y1 <= y) != (y2 <= y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
                inside = not inside
        return inside

    wanted = [cast(float(x), float(y)) for x, y in points]
    assert points_in_polygon(points, polygon).tolist() == wanted


def test_anchor_points_are_middles_of_lower_edges() -> None:
    points = anchor_points(boxes((10, 20, 30, 60), (0, 0, 1, 1)))
    assert points.tolist() == [[20, 60], [0.5, 1]]
    assert anchor_points(boxes()).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: iou_matrix(np.zeros((3, 5), np.float32), boxes()), r"\(3, 5\)"),
        (lambda: anchor_points(np.zeros(4, np.float32)), r"\(4,\)"),
        (lambda: nms(boxes((0, 0, 1, 1)), np.zeros(2, np.float32), np.zeros(1, int), 0.5), "1 box"),
        (lambda: points_in_polygon(np.zeros((1, 3)), _SQUARE), r"\(1, 3\)"),
        (lambda: points_in_polygon(np.zeros((1, 2)), _SQUARE[:2]), "2 corners"),
    ],
)
def test_wrong_shapes_are_named(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
