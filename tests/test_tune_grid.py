"""The rounds of a measurement: a scripted bench on a manual clock."""

from dataclasses import dataclass, field

import pytest

from edge_agent.clock import ManualClock
from edge_agent.detect.plan import Candidate, choose_plan
from edge_agent.errors import ModelError
from edge_agent.hotloop.measure import Slice
from edge_agent.hotloop.tuning import measure_grid


def plan(lanes: int, threads: int = 1, batch: int = 1, on: str = "cpu") -> Candidate:
    return Candidate(on, lanes, threads, batch)


@dataclass
class ScriptedBench:
    """`ms` of one inference by candidate; a slice takes what is asked or one inference."""

    ms: dict[Candidate, float]
    clock: ManualClock = field(default_factory=ManualClock)
    load_s: float = 0.0
    slow_until_s: float = 0.0  # other work on the box, up to this moment, halves everything
    looks: list[Candidate] = field(default_factory=list)
    refused: dict[Candidate, str] = field(default_factory=dict)

    def prepare(self, candidate: Candidate) -> None:
        if candidate in self.refused:
            raise ModelError(self.refused[candidate])
        self.clock.advance(self.load_s)

    def run(self, candidate: Candidate, seconds: float) -> Slice:
        slow = 2.0 if self.clock.mono_ns() / 1e9 < self.slow_until_s else 1.0
        ms = self.ms[candidate] * slow
        self.clock.advance(max(seconds, ms / 1e3))
        self.looks.append(candidate)
        return Slice(candidate.lanes * candidate.batch * 1e3 / ms, ms)


def measure(bench: ScriptedBench, candidates: list[Candidate], **given: float):
    asked = {"seconds": 15.0, "rounds": 7, "budget_ms": 200.0} | given
    return measure_grid(candidates, bench, clock=bench.clock, **asked)


def test_plans_near_the_best_take_turns_and_the_hopeless_are_left_alone() -> None:
    two, one, three = plan(2), plan(1), plan(3)
    bench = ScriptedBench({two: 20, one: 18, three: 29})
    grid = measure(bench, [two, one, three], rounds=3)
    assert bench.looks == [two, one, three, two, three, two, three]
    assert {row.candidate: row.rounds for row in grid.rows} == {two: 3, one: 1, three: 3}
    assert choose_plan(grid.rows, 200).best.candidate == three


def test_a_disturbance_hits_all_and_the_median_forgets_it() -> None:
    two, three = plan(2), plan(3)
    bench = ScriptedBench({two: 20, three: 29}, slow_until_s=0.7)
    grid = measure(bench, [two, three], rounds=5)
    assert [round(row.images_s, 1) for row in grid.rows] == [100.0, 103.4]


def test_at_200_ms_an_inference_the_first_start_s_time_is_kept() -> None:
    ms = {plan(2): 210, plan(1, 2): 110, plan(1): 200, plan(3): 320, plan(2, 2): 230}
    batches = {plan(2, 1, 4): 850, plan(2, 1, 8): 1700, plan(1, 2, 4): 450, plan(1, 2, 8): 900}
    bench = ScriptedBench(ms | batches, load_s=0.3)
    grid = measure(bench, [*ms, *batches], budget_ms=400.0)
    assert bench.clock.mono_ns() / 1e9 < 15 + 2
    assert {row.candidate for row in grid.rows} >= set(ms)
    assert choose_plan(grid.rows, 400).best.candidate == plan(2)


def test_time_runs_out_and_what_was_measured_decides() -> None:
    slow = {plan(2): 3000.0, plan(1, 2): 1600.0, plan(1): 2900.0, plan(3): 5000.0}
    bench = ScriptedBench(slow)
    grid = measure(bench, list(slow), seconds=8.0)
    assert bench.looks[:2] == [plan(2), plan(1, 2)]
    assert grid.not_reached == [plan(1), plan(3)] or grid.not_reached == [plan(3)]
    assert bench.clock.mono_ns() / 1e9 <= 8 + 3
    assert choose_plan(grid.rows, 200).best.candidate == plan(1, 2)


def test_one_plan_is_measured_however_little_time_there_is() -> None:
    bench = ScriptedBench({plan(1): 9000.0, plan(2): 1.0})
    grid = measure(bench, [plan(1), plan(2)], seconds=1.0)
    assert [row.candidate for row in grid.rows] == [plan(1)]


def test_what_the_first_look_did_not_reach_is_looked_at_before_a_fourth_round() -> None:
    slow = {plan(2): 1500.0, plan(1, 2): 900.0, plan(1): 1600.0, plan(3): 700.0}
    bench = ScriptedBench(slow)
    grid = measure(bench, list(slow), seconds=8.0, budget_ms=5000.0)
    assert bench.looks[:3] == [plan(2), plan(1, 2), plan(1)]
    assert bench.looks[3:6] == [plan(2), plan(2), plan(3)]
    assert grid.not_reached == []
    assert choose_plan(grid.rows, 5000).best.candidate == plan(3)


def test_a_plan_alone_near_the_best_needs_no_more_than_three_looks() -> None:
    bench = ScriptedBench({plan(2): 10.0, plan(1): 100.0})
    grid = measure(bench, [plan(2), plan(1)])
    assert [row.rounds for row in grid.rows] == [3, 1]


def test_over_the_budget_only_the_quick_ones_are_looked_at_again() -> None:
    ms = {plan(4): 900.0, plan(1, 4): 300.0, plan(2, 2): 500.0}
    bench = ScriptedBench(ms)
    measure(bench, list(ms), seconds=60.0)
    assert bench.looks[3:] == [plan(1, 4)] * 2


def test_a_larger_batch_is_not_tried_where_the_smaller_lost() -> None:
    ms = {plan(2): 20.0, plan(2, 1, 4): 90.0, plan(2, 1, 8): 100.0, plan(1): 20.0}
    bench = ScriptedBench(ms | {plan(1, 1, 4): 70.0, plan(1, 1, 8): 120.0})
    grid = measure(bench, list(bench.ms))
    assert grid.faults == {plan(2, 1, 8): "batch 4 was no faster than batch 1"}
    assert plan(1, 1, 8) in {row.candidate for row in grid.rows}


def test_a_provider_that_does_not_start_is_left_out_with_its_reason() -> None:
    cuda, cpu = plan(1, on="cuda"), plan(1)
    bench = ScriptedBench({cuda: 1.0, cpu: 50.0}, refused={cuda: "cuda: no driver"})
    grid = measure(bench, [cuda, cpu])
    assert grid.faults == {cuda: "cuda: no driver"}
    assert [row.candidate for row in grid.rows] == [cpu]


def test_a_plan_that_fails_later_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = plan(1), plan(2)
    bench = ScriptedBench({good: 20.0, bad: 30.0})
    run = bench.run

    def run_or_fail(candidate: Candidate, seconds: float) -> Slice:
        if candidate == bad and bad in bench.looks:
            raise ModelError("out of memory")
        return run(candidate, seconds)

    monkeypatch.setattr(bench, "run", run_or_fail)
    grid = measure(bench, [good, bad])
    assert [row.candidate for row in grid.rows] == [good]
    assert grid.faults == {bad: "out of memory"}


def test_where_nothing_runs_every_reason_is_told_once() -> None:
    plans = [plan(1), plan(2), plan(3)]
    refused = {plan(1): "a torn file", plan(2): "a torn file", plan(3): "no driver"}
    with pytest.raises(ModelError, match=r"\Aa torn file\nno driver\Z"):
        measure(ScriptedBench({}, refused=refused), plans)
