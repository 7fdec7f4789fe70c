"""The detector's training: an interrupted run goes on exactly, an export says what PyTorch says."""

import csv
import itertools
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training extra (torch)")

from models.training.data import Batches, Pool  # noqa: E402
from models.training.export import export  # noqa: E402
from models.training.labels import PERSON, VEHICLE, Picture, labels_of  # noqa: E402
from models.training.net import RingNano, Shape  # noqa: E402
from models.training.shards import Shard, write_shard  # noqa: E402
from models.training.state import Plan, Run, load_average, load_mean, load_run  # noqa: E402
from models.training.together import ALONE  # noqa: E402
from models.training.train import advance, train  # noqa: E402

TINY = Shape(stem=8, widths=(8, 8, 8, 8), depths=(0, 1, 0, 0), neck=8)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in another order would not be the same numbers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pool(tmp_path):
    rng = np.random.default_rng(1)
    pictures = [
        Picture(
            rng.integers(0, 255, (60, 90, 3), np.uint8),
            labels_of([((10, 10, 40, 50), kind, 1.0, False)]), np.ones(2, bool), source,
        )
        for kind, source in ((PERSON, "penn"), (VEHICLE, "aerial"), (VEHICLE, "clip:a.mp4"))
    ]  # fmt: skip
    write_shard(tmp_path / "shards/one", pictures, 96)
    return Pool([Shard(tmp_path / "shards/one")])


def go(run, pool, work, steps):
    """Train for some steps of a schedule of six."""
    left = iter(range(steps - 1))
    batches = Batches(pool, seed=run.seed, size=0, total=run.plan.total, fixed_wh=(64, 64))
    train(run, batches, work, wanted=lambda: next(left, None) is not None, save_every_s=1e9,
          log_every=2, workers=0)  # fmt: skip


def new_run():
    return Run(Plan(total=6, warmup=2), TINY, seed=3)


def weights(net):
    return torch.cat([v.flatten().float() for v in net.state_dict().values()])


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(pool, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = new_run()
    go(whole, pool, tmp_path / "a", 6)
    first = new_run()
    go(first, pool, tmp_path / "b", 3)
    assert first.step == 3
    second = load_run(tmp_path / "b/checkpoint.pt")
    go(second, pool, tmp_path / "b", 3)
    assert second.step == whole.step == 6
    assert torch.equal(weights(second.net), weights(whole.net))
    assert torch.equal(weights(second.average), weights(whole.average))
    assert not torch.equal(weights(first.net), weights(whole.net))


def test_half_precision_learns_the_same_and_keeps_whole_weights(pool):
    whole, half = new_run(), new_run()
    batch = Batches(pool, seed=3, size=0, total=6, fixed_wh=(64, 64))[0]
    told = advance(whole, batch, ALONE), advance(half, batch, ALONE, bfloat16=True)
    assert told[0] != told[1]
    assert told[1]["total"] == pytest.approx(told[0]["total"], rel=0.01)
    assert {w.dtype for w in half.net.state_dict().values()} <= {torch.float32, torch.int64}


def test_the_curves_are_one_file_over_all_runs(pool, tmp_path):
    go(new_run(), pool, tmp_path, 4)
    go(load_run(tmp_path / "checkpoint.pt"), pool, tmp_path, 2)
    with (tmp_path / "curves.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert all(float(row["total"]) > 0 for row in rows)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save({"format": "other"}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="format 'other'"):
        load_run(tmp_path / "x.pt")


def test_the_schedule_warms_up_and_falls_to_its_floor():
    plan = Plan(total=100, warmup=10, peak=1.0, floor=0.1)
    rates = [plan.rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_a_source_without_a_share_is_named(tmp_path):
    one = Picture(np.zeros((8, 8, 3), np.uint8), labels_of([]), np.ones(2, bool), "elsewhere")
    write_shard(tmp_path / "s", [one], 8)
    with pytest.raises(ValueError, match="elsewhere"):
        Pool([Shard(tmp_path / "s")])


def test_the_export_says_what_pytorch_says(pool, tmp_path):
    pytest.importorskip("onnxruntime")
    go(new_run(), pool, tmp_path, 6)
    net, step = load_average(tmp_path / "checkpoint.pt")
    made = export(net, tmp_path, wh=(96, 64))
    assert step == 6
    assert made.difference < 1e-3
    assert made.manifest.read_text().count("sha256") == 1


def test_the_mean_of_checkpoints_lies_between_them(pool, tmp_path):
    run = new_run()
    for steps, name in ((2, "early.pt"), (4, "late.pt")):
        go(run, pool, tmp_path, steps)
        (tmp_path / "checkpoint.pt").rename(tmp_path / name)
    early, late = tmp_path / "early.pt", tmp_path / "late.pt"
    mean, step = load_mean([early, late])
    one, other = (load_average(path)[0].state_dict() for path in (early, late))
    assert step == run.step
    for name, value in mean.state_dict().items():
        expected = (one[name].double() + other[name].double()) / 2
        assert torch.allclose(value.double(), expected.to(value.dtype).double())
    assert any((one[name] != other[name]).any() for name in one)


def test_checkpoints_of_different_networks_have_no_mean(tmp_path):
    new_run().save(tmp_path / "one.pt")
    Run(Plan(total=6, warmup=2), replace(TINY, neck=16), seed=3).save(tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt: Shape.*neck=16.*not Shape.*neck=8"):
        load_mean([tmp_path / "one.pt", tmp_path / "other.pt"])


def test_the_network_meant_to_ship_is_small():
    net = RingNano()
    assert sum(p.numel() for p in net.parameters()) * 4 < 4_000_000


def test_the_shares_of_two_processes_make_the_whole_batch(pool):
    def batch(share):
        return Batches(pool, seed=3, size=48, total=9, fixed_wh=(64, 64), share=share)[4].images

    halves = torch.empty_like(batch((0, 1)))
    halves[0::2], halves[1::2] = batch((0, 2)), batch((1, 2))
    assert torch.equal(halves, batch((0, 1)))


def test_two_processes_train_one_network(pool, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "models.training.train", "--work", str(tmp_path), "--steps", "2", "--batch", "2",
        "--threads", "1", "--workers", "0",
    ]  # fmt: skip
    subprocess.run(command, env=environment, check=True, timeout=120)
    _, step = load_average(tmp_path / "checkpoint.pt")
    assert step == 2
