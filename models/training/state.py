"""The state of a training run: network, moving average, optimiser; saved and restored exactly."""

import math
import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.training.net import RingNano, Shape

_FORMAT = "ring-nano training 1"


@dataclass(frozen=True, slots=True)
class Plan:
    """The schedule: all runs of one training share it, however often it is interrupted."""

    total: int  # steps
    warmup: int = 600
    peak: float = 2e-3  # AdamW's learning rate
    floor: float = 0.02  # of the peak, at the end
    decay: float = 0.05
    average: float = 0.9996  # of the moving average
    clip: float = 10.0  # norm of the gradient

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: warm up, then half a cosine."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.total - self.warmup))
        return self.peak * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * done)) / 2)


class Run:
    """A training under way; `step` is the number of the next batch."""

    def __init__(self, plan: Plan, shape: Shape, seed: int) -> None:
        torch.manual_seed(seed)
        self.plan, self.seed, self.step = plan, seed, 0
        self.net = RingNano(shape)
        self.average = deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(self.net, plan.decay), lr=plan.peak)

    def follow(self) -> None:
        """Move the average towards the network; faster at first, when it has seen little."""
        keep = min(self.plan.average, (1 + self.step) / (10 + self.step))
        now = self.net.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(now[name], 1 - keep)
                else:
                    value.copy_(now[name])

    def save(self, path: Path) -> None:
        """Write a checkpoint; the one before stays until the new one is whole."""
        content = {
            "format": _FORMAT, "plan": asdict(self.plan), "shape": asdict(self.net.shape),
            "seed": self.seed, "step": self.step, "net": self.net.state_dict(),
            "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }  # fmt: skip
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)


def load_run(path: Path) -> Run:
    """Return the run that a checkpoint holds.

    Raises: ValueError where the file is no checkpoint of this training.
    """
    content = _read(path)
    run = Run(Plan(**content["plan"]), _shape(content), content["seed"])
    run.net.load_state_dict(content["net"])
    run.average.load_state_dict(content["average"])
    run.optimiser.load_state_dict(content["optimiser"])
    run.step = content["step"]
    torch.set_rng_state(content["random"])
    return run


def load_average(path: Path) -> tuple[RingNano, int]:
    """Return the averaged network of a checkpoint and the step it was saved at."""
    content = _read(path)
    net = RingNano(_shape(content))
    net.load_state_dict(content["average"])
    return net.eval(), content["step"]


def load_mean(paths: Sequence[Path]) -> tuple[RingNano, int]:
    """Return the mean of the averaged networks of checkpoints, and the last one's step.

    Of one training they lie in one basin, and their mean keeps what each is good at (Wortsman et
    al., Model soups, ICML 2022).
    Raises: ValueError where they are not of one shape.
    """
    net, step = load_average(paths[0])
    total = {name: value.double() for name, value in net.state_dict().items()}
    for path in paths[1:]:
        other, step = load_average(path)
        if other.shape != net.shape:
            raise ValueError(f"checkpoint {path}: {other.shape}, not {net.shape}")
        for name, value in other.state_dict().items():
            total[name] += value
    kept = net.state_dict()
    net.load_state_dict({n: (v / len(paths)).to(kept[n].dtype) for n, v in total.items()})
    return net, step


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    if content.get("format") != _FORMAT:
        raise ValueError(f"checkpoint {path}: format {content.get('format')!r}, not {_FORMAT!r}")
    return content


def _shape(content: dict[str, Any]) -> Shape:
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in content["shape"].items()
    }
    return Shape(**values)


def _groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]  # norms and biases do not decay
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
