"""What the analysis found, on its way back: matched to its frame, whatever was dropped between."""

from dataclasses import replace

from edge_agent.source.feedback import Analysed, Feedback
from tests.frames import frame_ref


def test_each_answer_finds_its_frame_and_dropped_ones_are_left_out() -> None:
    feedback = Feedback()
    refs = [frame_ref(pts_ns=i, index=i) for i in range(5)]
    for i, ref in enumerate(refs):
        feedback.offered(ref, 100 + i)
    feedback.analysed(refs[0], 0)
    feedback.analysed(refs[3], 2)
    assert feedback.news() == [Analysed(100, 0), Analysed(103, 2)]
    assert feedback.news() == []
    feedback.analysed(refs[2], 1)  # told already that it is past
    assert feedback.news() == []


def test_it_is_settled_when_the_last_frame_was_heard_of() -> None:
    feedback = Feedback()
    assert feedback.settled
    first, last = frame_ref(index=0), frame_ref(index=1, pts_ns=1)
    feedback.offered(first, 0)
    feedback.offered(last, 1)
    feedback.analysed(first, 0)
    assert not feedback.settled
    feedback.analysed(last, 0)
    assert feedback.settled
    feedback.news()
    assert feedback.settled


def test_an_answer_from_the_connection_before_counts_for_nothing() -> None:
    feedback = Feedback()
    old = frame_ref(index=7)
    feedback.offered(old, 1)
    feedback.clear()
    new = replace(old, connection=2)
    feedback.offered(new, 2)
    feedback.analysed(old, 3)
    assert feedback.news() == []
    feedback.analysed(new, 1)
    assert feedback.news() == [Analysed(2, 1)]


def test_frames_of_a_stream_without_times_are_not_told_on() -> None:
    feedback = Feedback()
    ref = frame_ref()
    feedback.offered(ref, None)
    feedback.analysed(ref, 1)
    assert feedback.news() == []
