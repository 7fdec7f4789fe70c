"""The rule `tamper` in rendered pictures: what is done to a camera, and what only looks like it."""

import pytest

from tests.rule_scenes.tampering import watch

USUAL = ("day", 80)


@pytest.mark.parametrize("word", ["dark", "covered", "blurred", "moved"])
def test_a_camera_that_is_tampered_with_is_told_and_so_is_its_end(word: str) -> None:
    told = watch([USUAL, (word, 60), ("day", 60)])
    found = [(one.event.data["fault"], one.event.data["standing"]) for one in told]
    assert found == [(word, True), (word, False)]
    assert [str(one.event.severity) for one in told] == ["critical", "notice"]
    begun_s, over_s = (one.time_s for one in told)
    assert 15 <= begun_s - 80 <= 24
    assert 15 <= over_s - 140 <= 24


@pytest.mark.parametrize(
    ("states", "faults"),
    [
        ([USUAL, ("day", 100)], None),  # somebody walks past
        ([USUAL, ("dusk", 100)], None),  # evening comes
        ([USUAL, ("nudged", 100)], None),  # the wind turns it a little
        ([USUAL, ("covered", 10), ("day", 60)], None),  # a bus stops before the lens
        ([USUAL, ("dark", 60)], ["covered", "moved"]),  # a fault that the rule leaves out
    ],
)
def test_what_is_no_tampering_is_not_told(
    states: list[tuple[str, int]], faults: list[str] | None
) -> None:
    assert watch(states, **({} if faults is None else {"faults": faults})) == []
