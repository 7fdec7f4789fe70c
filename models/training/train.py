"""Train: `python -m models.training.train --work DIR`; again, with more steps, it goes on.

The run is a checkpoint, `DIR/checkpoint.pt`, and its curves, `DIR/curves.csv`. It ends after
`--minutes`, on SIGTERM or SIGINT after the step under way, or when the schedule is done.

On two cores two processes of one thread each are faster than one of two threads:
`python -m torch.distributed.run --standalone --nproc-per-node 2 -m models.training.train …`
"""

import argparse
import csv
import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from models.training.data import Batch, Batches, Pool, open_shards
from models.training.loss import losses
from models.training.net import Shape, grid, parameters_of
from models.training.prepare import wait_while
from models.training.state import Plan, Run, load_run
from models.training.together import ALONE, Together, joined_processes
from models.training.warm import begin_from

log = logging.getLogger("train")

_COLUMNS = ("step", "seconds", "images", "images_per_s", "rate", "total", "label", "box",
            "positives", "gradient")  # fmt: skip


class StepSampler(Sampler[int]):
    """Steps from the next to the last."""

    def __init__(self, first: int, total: int) -> None:
        self._steps = range(first, total)

    def __iter__(self) -> Iterator[int]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def advance(
    run: Run, batch: Batch, together: Together, *, bfloat16: bool = False
) -> dict[str, float]:
    """Take one step, with the mean gradient of all processes; return what the curves show of it.

    `bfloat16`: the network's convolutions are reckoned in it, the losses and the weights are not.

    Raises: FloatingPointError naming the step where the loss is not a number.
    """
    for group in run.optimiser.param_groups:
        group["lr"] = run.plan.rate(run.step)
    run.net.train()
    height, width = batch.images.shape[2:]
    cells, strides = grid((width, height))
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        raw = run.net(batch.images.float())
    found = losses(raw.float(), batch.truths, cells, strides)
    if not torch.isfinite(found.total):
        raise FloatingPointError(f"step {run.step}: loss {found.total.item()}")
    run.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(found.total)
    together.average_gradients(run.net)
    norm = torch.nn.utils.clip_grad_norm_(run.net.parameters(), run.plan.clip)
    run.optimiser.step()
    run.step += 1
    run.follow()
    return {
        "total": found.total.item(), "label": found.label.item(), "box": found.box.item(),
        "positives": found.positives / len(batch.truths), "gradient": norm.item(),
    }  # fmt: skip


class Curves:
    """Means over some steps, a line of CSV each."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every
        self._sums: dict[str, float] = {}
        self._steps, self._images, self._since = 0, 0, time.monotonic()
        self._began = self._since

    def note(self, run: Run, images: int, values: dict[str, float]) -> None:
        """Add a step; write a line when enough have come."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps, self._images = self._steps + 1, self._images + images
        if self._steps < self._every:
            return
        now = time.monotonic()
        row: dict[str, Any] = {name: f"{s / self._steps:.4f}" for name, s in self._sums.items()}
        row |= {
            "step": run.step, "seconds": round(now - self._began), "images": self._images,
            "images_per_s": f"{self._images / (now - self._since):.1f}",
            "rate": f"{run.plan.rate(run.step):.2e}",
        }  # fmt: skip
        new = not self._path.exists()
        with self._path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, _COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)
        log.info(" ".join(f"{name}={row[name]}" for name in _COLUMNS if name in row))
        self._sums, self._steps, self._images, self._since = {}, 0, 0, now


def train(
    run: Run, batches: Batches, work: Path, *, wanted: Callable[[], bool], save_every_s: float,
    pause_file: Path | None = None, log_every: int = 50, workers: int = 1,
    together: Together = ALONE, bfloat16: bool = False,
) -> None:  # fmt: skip
    """Train until the schedule is done or `wanted` says no; save now and then, and at the end."""
    checkpoint, curves = work / "checkpoint.pt", Curves(work / "curves.csv", log_every)
    loader: DataLoader[Batch] = DataLoader(
        batches, batch_size=None, sampler=StepSampler(run.step, run.plan.total),
        num_workers=workers, prefetch_factor=4 if workers else None,
    )  # fmt: skip
    saved = time.monotonic()
    for batch in loader:
        wait_while(pause_file, wanted)
        values = advance(run, batch, together, bfloat16=bfloat16)
        if together.first:
            curves.note(run, len(batch.truths) * together.processes, values)
        if together.first and time.monotonic() - saved > save_every_s:
            run.save(checkpoint)
            saved = time.monotonic()
        if not together.all_agree(wanted()):
            break
    if together.first:
        run.save(checkpoint)
    log.info("saved at step %d of %d", run.step, run.plan.total)


def _wanted_until(minutes: float | None) -> Callable[[], bool]:
    ends: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, frame: ends.append(got))
    limit = None if minutes is None else time.monotonic() + 60 * minutes
    return lambda: not ends and (limit is None or time.monotonic() < limit)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder with shards/; gets the run"
    )
    parser.add_argument("--steps", type=int, default=20_000, help="of the whole schedule")
    parser.add_argument("--batch", type=int, default=16, help="pictures of 416×256 a step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="end this run after so long")
    parser.add_argument("--save-minutes", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes that make the batches")
    parser.add_argument("--pause-file", type=Path, help="no step is taken while it exists")
    parser.add_argument("--bfloat16", action="store_true", help="faster where the CPU has it")
    parser.add_argument("--begin", type=Path, help="an exported .onnx to begin from, at step 0")
    parser.add_argument("--extend", action="store_true", help="give a run of fewer steps --steps")
    return parser.parse_args()


def _begun(args: argparse.Namespace) -> Run:
    """Return the run that the folder holds, with its schedule as asked for, or a new one."""
    checkpoint = args.work / "checkpoint.pt"
    if not checkpoint.exists():
        return Run(Plan(total=args.steps), Shape(), args.seed)
    run = load_run(checkpoint)
    if args.extend:
        run.plan = Plan(total=args.steps)
    elif run.plan.total != args.steps:
        raise SystemExit(
            f"checkpoint {checkpoint}: {run.plan.total} steps, --steps {args.steps}; "
            "add --extend to change the schedule"
        )
    return run


def _go_on(args: argparse.Namespace, together: Together) -> None:
    level = logging.INFO if together.first else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    wanted = _wanted_until(args.minutes)
    run = _begun(args)
    pool = Pool(open_shards(args.work / "shards"))
    log.info("%d parameters, step %d of %d, pictures %s",
             parameters_of(run.net), run.step, run.plan.total, pool.counts())  # fmt: skip
    batches = Batches(pool, seed=run.seed, size=args.batch, total=run.plan.total,
                      share=(together.rank, together.processes))  # fmt: skip
    if args.begin is not None and run.step == 0:
        begin_from(run.net, args.begin, torch.cat([batches.usual(i) for i in range(4)]).float())
        run.average.load_state_dict(run.net.state_dict())
    train(run, batches, args.work, wanted=wanted, save_every_s=60 * args.save_minutes,
          pause_file=args.pause_file, workers=args.workers, together=together,
          bfloat16=args.bfloat16)  # fmt: skip


def main() -> None:
    """Begin a run, or go on with the one in the folder."""
    args = _arguments()
    with joined_processes() as together:
        _go_on(args, together)


if __name__ == "__main__":
    main()
