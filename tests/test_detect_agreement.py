"""How far two detectors agree: tables of boxes."""

import numpy as np
import pytest

from edge_agent.detect.agreement import Found, compare_found

A, B = (0, 0, 10, 10), (100, 100, 120, 140)
NEAR_A = (0, 0, 10, 8)  # IoU 0.8
FAR_A = (0, 0, 10, 4)  # IoU 0.4


def found(*rows: tuple[tuple[int, int, int, int], float, int]) -> Found:
    return Found(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int32),
    )


@pytest.mark.parametrize(
    ("reference", "other", "recall", "precision"),
    [
        (found((A, 0.9, 0), (B, 0.8, 1)), found((A, 0.9, 0), (B, 0.8, 1)), 1.0, 1.0),
        (found((A, 0.9, 0), (B, 0.8, 1)), found((NEAR_A, 0.9, 0)), 0.5, 1.0),
        (found((A, 0.9, 0)), found((FAR_A, 0.9, 0)), 0.0, 0.0),
        (found((A, 0.9, 0)), found((A, 0.9, 1)), 0.0, 0.0),  # another class
        (found((A, 0.9, 0)), found((A, 0.9, 0), (NEAR_A, 0.8, 0)), 1.0, 0.5),  # twice is once
        (found(), found((A, 0.9, 0)), 1.0, 0.0),
        (found((A, 0.9, 0)), found(), 0.0, 1.0),
        (found(), found(), 1.0, 1.0),
    ],
)
def test_recall_and_precision(
    reference: Found, other: Found, recall: float, precision: float
) -> None:
    judged = compare_found([(reference, other)])
    assert (judged.recall, judged.precision) == (recall, precision)


def test_pictures_add_up_and_scores_are_held_against_each_other() -> None:
    judged = compare_found(
        [
            (found((A, 0.9, 0), (B, 0.5, 0)), found((A, 0.7, 0), (B, 0.6, 0))),
            (found((A, 0.8, 1)), found()),
        ]
    )
    assert (judged.pictures, judged.wanted, judged.found, judged.both) == (2, 3, 2, 2)
    assert judged.score_shift == pytest.approx(-0.05, abs=1e-6)
    assert judged.score_spread == pytest.approx(0.15, abs=1e-6)
    assert judged.f1 == pytest.approx(0.8)
