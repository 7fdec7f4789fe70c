"""Several processes at one training: each makes its share of a batch, gradients are averaged.

Source: Li et al., PyTorch Distributed, VLDB 2020. Batch normalisation sees the share only.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

_PATIENCE = timedelta(hours=24)  # the first process may be paused; the others wait for it


@dataclass(frozen=True, slots=True)
class Together:
    """This process among those that train."""

    rank: int
    processes: int

    @property
    def first(self) -> bool:
        """Whether this process saves and logs."""
        return self.rank == 0

    def average_gradients(self, net: nn.Module) -> None:
        """Replace each gradient by its mean over all processes."""
        if self.processes == 1:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.processes
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def all_agree(self, wanted: bool) -> bool:
        """Return whether every process says yes; all get the same answer."""
        if self.processes == 1:
            return wanted
        votes = torch.tensor([float(wanted)])
        distributed.all_reduce(votes, op=distributed.ReduceOp.MIN)
        return bool(votes.item() > 0)


ALONE = Together(0, 1)


@contextmanager
def joined_processes() -> Iterator[Together]:
    """Meet the other processes that `torch.distributed.run` started, if it started this one."""
    if "RANK" not in os.environ:
        yield ALONE
        return
    distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Together(distributed.get_rank(), distributed.get_world_size())
        distributed.barrier()  # who has nothing to save waits for who has
    finally:
        # Left to the interpreter's end, the group's threads abort the process now and then.
        distributed.destroy_process_group()
