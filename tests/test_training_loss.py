"""The detector's training: who answers for what, and which way the loss pulls."""

import pytest

torch = pytest.importorskip("torch", reason="needs the training extra (torch)")

from models.training.assign import assign, within  # noqa: E402
from models.training.loss import Truth, counted, generalised_iou, losses  # noqa: E402
from models.training.net import RingNano, Shape, boxes_of, grid  # noqa: E402

WH = (64, 64)
CELLS, STRIDES = grid(WH)
POINTS = (CELLS + 0.5) * STRIDES


def raw_rows(size_cells=0.0):
    """Rows whose boxes sit on their cells' centres, with even scores."""
    raw = torch.zeros(len(CELLS), 6)
    raw[:, :2] = 0.5
    raw[:, 2:4] = size_cells
    return raw


def truth(boxes, classes, ignored=(), ignored_class=(), exact=None, known=(True, True), score=None):
    return Truth(
        torch.tensor(boxes).reshape(-1, 4).float(),
        torch.tensor(classes, dtype=torch.int64),
        torch.tensor(score if score else [1.0] * len(classes)),
        torch.tensor(ignored).reshape(-1, 4).float(),
        torch.tensor(ignored_class, dtype=torch.int64),
        torch.tensor(exact if exact else [False] * len(ignored_class)),
        torch.tensor(known),
    )


def given(boxes, classes, raw=None):
    raw = raw_rows() if raw is None else raw
    return assign(
        boxes_of(raw, CELLS, STRIDES), raw[:, 4:].sigmoid(), POINTS,
        torch.tensor(boxes).float(), torch.tensor(classes),
    )  # fmt: skip


def test_every_row_of_the_network_has_its_cell():
    rows = RingNano(Shape())(torch.zeros(2, 3, *WH[::-1]))
    assert rows.shape == (2, len(CELLS), 6)


@pytest.mark.parametrize("box", [[8, 8, 24, 24], [30, 10, 33, 13], [41.0, 41.0, 43.0, 43.0]])
def test_an_object_gets_an_anchor_near_its_centre_however_small(box):
    found = given([box], [1])
    rows = torch.nonzero(found.object_row == 0)[:, 0]
    assert 1 <= len(rows) <= 10
    assert within(POINTS[rows], torch.tensor([box]).float(), 6.0).all()
    assert found.target[rows].max() >= 0.2


def test_an_anchor_answers_for_the_object_that_it_overlaps_most():
    found = given([[8, 8, 16, 16], [0, 0, 24, 24]], [0, 0])
    row = int(torch.nonzero((torch.tensor([1, 1]) == CELLS).all(1) & (STRIDES[:, 0] == 8)))
    assert found.object_row[row] == 0
    assert (found.object_row == 1).any()


def test_the_better_box_is_asked_for_more():
    raw = raw_rows()
    raw[:, 2:4] = torch.log(16 / STRIDES)  # 16 px everywhere, so nearness is overlap
    found = given([[8, 8, 24, 24]], [1], raw)
    overlap_of = found.target.argmax()
    assert POINTS[overlap_of].tolist() in ([12, 12], [20, 12], [12, 20], [20, 20], [16, 16])


def test_without_objects_nothing_is_positive():
    found = assign(POINTS.repeat(1, 2), torch.rand(len(POINTS), 2), POINTS,
                   torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))  # fmt: skip
    assert (found.object_row == -1).all()
    assert found.target.sum() == 0


def test_the_gradient_raises_the_objects_score_and_lowers_the_others():
    raw = raw_rows()
    raw[:, 4:] = -4.0  # scores of .02, below what is asked for
    best = given([[8, 8, 24, 24]], [1], raw).target.argmax()
    raw.requires_grad_()
    losses(raw[None], [truth([[8, 8, 24, 24]], [1])], CELLS, STRIDES).total.backward()
    assert raw.grad[best, 5] < 0 < raw.grad[best, 4]
    far = int(torch.nonzero((torch.tensor([60.0, 60.0]) == POINTS).all(1)))
    assert (raw.grad[far, 4:] > 0).all()


def test_a_step_along_the_gradient_makes_the_box_fit_better():
    raw = raw_rows().requires_grad_()
    box = torch.tensor([[6.0, 9.0, 27.0, 20.0]])
    losses(raw[None], [truth(box.tolist(), [0])], CELLS, STRIDES).box.backward()
    best = int(given(box.tolist(), [0]).target.argmax())
    moved = boxes_of((raw - 0.05 * raw.grad / raw.grad.norm()).detach(), CELLS, STRIDES)[best]
    before = boxes_of(raw.detach(), CELLS, STRIDES)[best]
    assert generalised_iou(moved[None], box) > generalised_iou(before[None], box)


@pytest.mark.parametrize(
    ("ignored_class", "counts"), [(0, [0.0, 1.0]), (1, [1.0, 0.0]), (-1, [0.0, 0.0])]
)
def test_an_ignored_region_is_neither_object_nor_background(ignored_class, counts):
    one = truth([], [], ignored=[[0, 0, 32, 32]], ignored_class=[ignored_class])
    mask = counted(one, POINTS, boxes_of(raw_rows(), CELLS, STRIDES), torch.zeros(len(POINTS), 2))
    inside = (POINTS < 32).all(1)
    assert mask[inside].tolist() == [counts] * int(inside.sum())
    assert (mask[~inside] == 1).all()


def test_a_hardly_seen_body_excuses_its_own_box_and_no_other():
    one = truth([], [], ignored=[[0, 0, 32, 32]], ignored_class=[0], exact=[True])
    boxes = boxes_of(raw_rows(), CELLS, STRIDES)  # as large as their cells: one has the body's size
    mask = counted(one, POINTS, boxes, torch.zeros(len(POINTS), 2))
    excused = torch.nonzero(mask[:, 0] == 0)[:, 0]
    assert boxes[excused].tolist() == [[0, 0, 32, 32]]
    assert (mask[:, 1] == 1).all()


def test_a_class_that_nobody_knows_there_gives_no_gradient():
    raw = raw_rows().requires_grad_()
    losses(raw[None], [truth([], [], known=(True, False))], CELLS, STRIDES).total.backward()
    assert (raw.grad[:, 5] == 0).all()
    assert (raw.grad[:, 4] > 0).all()


def test_a_doubtful_teachers_box_is_asked_for_less():
    sure, doubtful = (
        losses(raw_rows()[None], [truth([[8, 8, 24, 24]], [1], score=[s])], CELLS, STRIDES)
        for s in (1.0, 0.35)
    )
    assert doubtful.positives == sure.positives
    assert float(doubtful.box) < float(sure.box)


def test_generalised_iou_of_known_boxes():
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    b = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]])
    assert generalised_iou(a, b).tolist() == pytest.approx([1, 1 / 3, -1 / 3])
