"""Which plans are measured and which is taken: tables; and the file that remembers it."""

import json
from itertools import permutations
from pathlib import Path

import pytest

from edge_agent.detect import plan_cache
from edge_agent.detect.plan import (
    Candidate,
    Measurement,
    choose_plan,
    describe_choice,
    list_candidates,
)
from edge_agent.detect.plan_cache import FILE, fingerprint, read_plan, write_plan
from edge_agent.errors import StateError
from edge_agent.settings import ModelSettings, PlanSettings

FREE = PlanSettings()


def row(
    lanes: int, threads: int, batch: int, images_s: float, ms: float, on: str = "cpu"
) -> Measurement:
    return Measurement(Candidate(on, lanes, threads, batch), images_s, ms, rounds=3)


def shape(candidate: Candidate) -> tuple[int, int, int]:
    return candidate.lanes, candidate.threads, candidate.batch


CHOICES = [
    # the build machine of the design's facts: two one-thread lanes beat every batch
    ([row(2, 1, 1, 320, 6.2), row(1, 2, 1, 166, 6.0), row(2, 1, 8, 236, 67)], 200, (2, 1, 1)),
    # a GPU: batches win
    ([row(2, 1, 1, 400, 5, "cuda"), row(2, 1, 8, 1500, 11, "cuda")], 200, (2, 1, 8)),
    # … until they take longer than allowed
    ([row(2, 1, 1, 400, 5, "cuda"), row(2, 1, 8, 1500, 11, "cuda")], 10, (2, 1, 1)),
    # 3 % is noise: fewer lanes, then fewer cores, then fewer pictures in memory
    ([row(3, 1, 1, 103, 30), row(2, 1, 1, 100, 20)], 200, (2, 1, 1)),
    ([row(3, 1, 1, 104, 30), row(2, 1, 1, 100, 20)], 200, (3, 1, 1)),
    ([row(1, 2, 1, 100, 10), row(1, 1, 1, 98, 10)], 200, (1, 1, 1)),
    ([row(2, 1, 4, 102, 80), row(2, 1, 1, 100, 20)], 200, (2, 1, 1)),
    ([row(1, 2, 1, 100, 10), row(2, 1, 1, 100, 20)], 200, (1, 2, 1)),
    # the lightest within 3 % of the best, not a chain of 3 % steps down from it
    ([row(3, 1, 1, 106, 30), row(2, 1, 1, 103, 20), row(1, 1, 1, 100, 10)], 200, (2, 1, 1)),
    # nothing keeps the budget: the quickest inference
    ([row(2, 1, 1, 6, 330), row(1, 2, 1, 5, 210)], 200, (1, 2, 1)),
    # what is over the budget does not count as the best to be near to
    ([row(4, 1, 1, 20, 260), row(1, 4, 1, 14, 70), row(2, 2, 1, 16, 125)], 200, (2, 2, 1)),
]


@pytest.mark.parametrize(("rows", "budget_ms", "taken"), CHOICES)
def test_choice(rows: list[Measurement], budget_ms: float, taken: tuple[int, int, int]) -> None:
    for order in permutations(rows):
        assert shape(choose_plan(order, budget_ms).best.candidate) == taken


def test_nothing_measured_is_no_choice() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        choose_plan([], 200)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (
            [row(2, 1, 1, 320, 6.2), row(1, 2, 1, 166, 6.0), row(2, 1, 64, 230, 530)],
            "2 × 1 × 1 on cpu (lanes × threads × batch): 320.0 images/s, 6 ms an inference; "
            "next 1 × 2 × 1 on cpu: 166.0 images/s; 1 of 3 over 200 ms",
        ),
        (
            [row(2, 1, 1, 100, 20), row(3, 1, 1, 101, 30)],
            "2 × 1 × 1 on cpu (lanes × threads × batch): 100.0 images/s, 20 ms an inference; "
            "next 3 × 1 × 1 on cpu: 101.0 images/s but not by 3 %",
        ),
        (
            [row(1, 4, 1, 3, 310)],
            "1 × 4 × 1 on cpu (lanes × threads × batch): 3.0 images/s, 310 ms an inference; "
            "none keeps 200 ms; the quickest inference is taken",
        ),
    ],
)
def test_one_line_says_what_was_taken_and_why(rows: list[Measurement], line: str) -> None:
    assert describe_choice(choose_plan(rows, 200)) == line


def test_on_cores_the_full_plans_come_first_and_batches_last() -> None:
    found = [shape(c) for c in list_candidates(4, ["cpu"], FREE, batches=True)]
    assert found[:3] == [(4, 1, 1), (1, 4, 1), (2, 2, 1)]
    assert {(3, 1, 1), (5, 1, 1)} <= set(found)
    assert [batch for *_, batch in found] == [1] * (len(found) - 4) + [4, 8] * 2
    assert len(found) == len(set(found))


def test_a_model_that_may_not_be_batched_has_no_batched_plans() -> None:
    for provider in ("cpu", "cuda"):
        found = list_candidates(4, [provider], FREE, batches=False)
        assert {candidate.batch for candidate in found} == {1}


def test_a_device_begins_with_batches_and_few_lanes() -> None:
    found = [shape(c) for c in list_candidates(8, ["cuda"], FREE, batches=True)]
    assert found[0] == (2, 1, 1)
    assert {(1, 1, 8), (2, 1, 8)} & set(found[:4])
    assert {threads for _, threads, _ in found} == {1}


def test_providers_take_turns() -> None:
    found = list_candidates(2, ["cuda", "cpu"], FREE, batches=True)
    assert [candidate.provider for candidate in found[:4]] == ["cuda", "cpu", "cuda", "cpu"]


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 6, 64])
@pytest.mark.parametrize("provider", ["cpu", "cuda", "xnnpack"])
@pytest.mark.parametrize(
    "wish",
    [{"lanes": 3}, {"threads": 2}, {"batch": 4}, {"lanes": 5, "batch": 2}, {"threads": 64}, {}],
)
def test_a_forced_number_stands_in_every_plan(
    wish: dict[str, int], provider: str, cores: int
) -> None:
    found = list_candidates(cores, [provider], PlanSettings(**wish), batches=True)
    assert found
    for candidate in found:
        assert all(getattr(candidate, name) == number for name, number in wish.items())
        PlanSettings(lanes=candidate.lanes, threads=candidate.threads, batch=candidate.batch)


# --- The file

TAKEN = Candidate("cpu", 2, 1, 1)
KEY = fingerprint(ModelSettings(), "ab" * 32)


def test_a_plan_is_remembered_for_its_key_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    other = fingerprint(ModelSettings(), "cd" * 32)
    assert read_plan(folder, KEY) is None
    write_plan(folder, KEY, TAKEN, "because")
    write_plan(folder, other, Candidate("cuda", 1, 1, 8), "it batches")
    assert read_plan(folder, KEY) == (TAKEN, "because")
    assert read_plan(folder, other) == (Candidate("cuda", 1, 1, 8), "it batches")
    write_plan(folder, KEY, Candidate("cpu", 1, 2, 1), "changed")
    assert read_plan(folder, KEY) == (Candidate("cpu", 1, 2, 1), "changed")
    assert [file.name for file in folder.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "change",
    [
        {"plan": PlanSettings(latency_budget_ms=50)},
        {"plan": PlanSettings(lanes=3)},
        {"plan": PlanSettings(threads=3)},
        {"plan": PlanSettings(batch=3)},
        {"provider": "cpu"},
    ],
)
def test_another_wish_is_measured_again(change: dict[str, object], tmp_path: Path) -> None:
    write_plan(tmp_path, KEY, TAKEN, "because")
    key = fingerprint(ModelSettings.model_validate(change), "ab" * 32)
    assert read_plan(tmp_path, key) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("onnxruntime.__version__", "9.9"), ("device_name", lambda: "another box"), ("FORMAT", 99)],
)
def test_another_box_or_runtime_is_measured_again(
    name: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(tmp_path, KEY, TAKEN, "because")
    monkeypatch.setattr(f"edge_agent.detect.plan_cache.{name}", value)
    assert read_plan(tmp_path, fingerprint(ModelSettings(), "ab" * 32)) is None


def test_what_window_and_staleness_say_changes_no_plan(tmp_path: Path) -> None:
    write_plan(tmp_path, KEY, TAKEN, "because")
    same = ModelSettings(plan=PlanSettings(window_ms=20, staleness_ms=300))
    assert read_plan(tmp_path, fingerprint(same, "ab" * 32)) == (TAKEN, "because")


def broken(**changes: object) -> str:
    entry = {"for": dict(KEY), "plan": {"provider": "cpu", "lanes": 2, "threads": 1, "batch": 1}}
    return json.dumps({"plans": [{**entry, "why": "x", **changes}]})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"plans": 3}',
        "\0" * 4096,  # a power cut on some file systems
        "[" * 100_000,
        broken(plan={"provider": "cpu", "lanes": 2}),
        broken(plan={"provider": "cpu", "lanes": 0, "threads": 1, "batch": 1}),
        broken(plan={"provider": "cpu", "lanes": "2", "threads": 1, "batch": 1}),
        broken(plan={"provider": "cpu", "lanes": None, "threads": 1, "batch": 1}),
        broken(plan=[1, 2, 3]),
    ],
)
def test_a_broken_file_is_told_and_written_anew(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_text(content)
    assert read_plan(tmp_path, KEY) is None
    assert "measured again" in caplog.text
    write_plan(tmp_path, KEY, TAKEN, "because")
    assert read_plan(tmp_path, KEY) == (TAKEN, "because")


def test_old_entries_go(tmp_path: Path) -> None:
    keys = [fingerprint(ModelSettings(), f"{i:064x}") for i in range(30)]
    for key in keys:
        write_plan(tmp_path, key, TAKEN, "x")
    held = [read_plan(tmp_path, key) is not None for key in keys]
    assert held[-1]
    assert sum(held) == plan_cache._MOST_ENTRIES
    assert not any(held[: 30 - sum(held)])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"the plan cannot be kept.*measured again next time"):
        write_plan(tmp_path / "file", KEY, TAKEN, "x")


def test_the_box_has_a_name() -> None:
    assert plan_cache.device_name().strip()
