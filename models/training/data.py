"""From shards to batches: step number in, tensors out.

Everything of a batch is drawn from (seed, step, place in the batch). So a resumed run sees what an
uninterrupted one would have seen, and nothing about the loader has to be saved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.training.augment import Knobs, Sample, Wh, compose
from models.training.labels import HARDLY_SEEN, Labels, Picture
from models.training.look import weathered
from models.training.loss import Truth
from models.training.marks import marked
from models.training.shards import Shard

#: How often a sample's pictures come from a source. Unequal to the sources' sizes: 460 street
#: pictures of one town must not outweigh what is rare.
MIX: Mapping[str, float] = {
    "coco_train2017": 6.0, "coco_train2014u": 0.2, "oi_personcar": 1.4, "oi_vehicles": 2.0,
    "oi_other": 0.4, "nepal": 1.2, "tollcam": 0.6, "topview": 3.0, "atl": 2.0, "intelcctv": 0.6,
    "aerial": 1.3, "penn": 1.6, "ypv": 0.2, "scenes": 24.0, "clip": 4.0,
}  # fmt: skip

#: Input sizes of training, and how often; a batch holds as many pixels at each.
SIZES: Sequence[tuple[Wh, float]] = (((416, 256), 0.7), ((320, 192), 0.1), ((512, 320), 0.1),
                                     ((640, 384), 0.1))  # fmt: skip
_USUAL = 416 * 256


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Images of one size and what is known about each."""

    images: Tensor  # (n, 3, h, w) uint8
    truths: list[Truth]


class Pool:
    """All pictures of some shards, drawn by source."""

    def __init__(self, shards: Iterable[Shard], mix: Mapping[str, float] = MIX) -> None:
        """Raises: ValueError where a picture's source has no place in the mix, or none is there."""
        rows: dict[str, list[tuple[Shard, int]]] = {}
        for shard in shards:
            for number, source in enumerate(shard.sources):
                rows.setdefault(source.partition(":")[0], []).append((shard, number))
        if not rows:
            raise ValueError("no pictures: run models.training.prepare first")
        if unknown := rows.keys() - mix.keys():
            raise ValueError(f"sources {', '.join(sorted(unknown))}: no share in the mix")
        self._rows = rows
        self._names = sorted(rows)
        share = np.array([mix[name] for name in self._names])
        self._share = share / share.sum()

    def counts(self) -> dict[str, int]:
        """Return the number of pictures of each source."""
        return {name: len(self._rows[name]) for name in self._names}

    def draw(self, rng: np.random.Generator) -> Picture:
        """Return a picture: the source by its share, then any of the source."""
        rows = self._rows[self._names[rng.choice(len(self._names), p=self._share)]]
        shard, number = rows[rng.integers(len(rows))]
        return shard.picture(number)


class Batches(Dataset[Batch]):
    """Batch number `step` is item `step`."""

    def __init__(
        self, pool: Pool, *, seed: int, size: int, total: int, knobs: Knobs | None = None,
        plain_from: float = 0.8, fixed_wh: Wh | None = None, share: tuple[int, int] = (0, 1),
    ) -> None:  # fmt: skip
        """`size` pictures of 416×256; after `plain_from` of `total` steps no mosaics.

        `share` (i, n): every nth picture of each batch from the ith on, for one of n processes.
        """
        self._pool, self._seed, self._size, self._total = pool, seed, size, total
        self._knobs = knobs or Knobs()
        self._plain_from, self._fixed_wh, self._share = plain_from, fixed_wh, share

    def __len__(self) -> int:
        return self._total

    def __getitem__(self, step: int) -> Batch:
        cv2.setNumThreads(1)
        wh = self._fixed_wh or _size_of(np.random.default_rng([self._seed, step]))
        count = max(2, round(self._size * _USUAL / (wh[0] * wh[1])))
        knobs = self._knobs
        if step >= self._plain_from * self._total:
            knobs = Knobs(mosaic=0.0, plain=0.5)
        places = range(self._share[0], count, self._share[1])
        samples = [self.sample(step, place, wh, knobs) for place in places]
        images = np.stack([s.bgr.transpose(2, 0, 1) for s in samples])
        return Batch(torch.from_numpy(images), [truth_of(s) for s in samples])

    def usual(self, step: int) -> Tensor:
        """Return the images of a whole batch of the usual size, for every process the same."""
        samples = [self.sample(step, i, SIZES[0][0], self._knobs) for i in range(self._size)]
        return torch.from_numpy(np.stack([s.bgr.transpose(2, 0, 1) for s in samples]))

    def sample(self, step: int, place: int, wh: Wh, knobs: Knobs) -> Sample:
        """Return one sample of a batch."""
        rng = np.random.default_rng([self._seed, step, place])
        made = compose(lambda: self._pool.draw(rng), wh, knobs, rng)
        bgr = weathered(marked(made.bgr, made.labels, rng), rng)
        return Sample(bgr, made.labels, made.known, made.sources)


def _size_of(rng: np.random.Generator) -> Wh:
    share = np.array([s for _, s in SIZES])
    return SIZES[rng.choice(len(SIZES), p=share / share.sum())][0]


def truth_of(sample: Sample) -> Truth:
    """Return a sample's labels as the loss wants them."""
    objects = sample.labels.keep(~sample.labels.ignore)
    ignored = sample.labels.keep(sample.labels.ignore)
    return Truth(
        torch.from_numpy(objects.xyxy), _long(objects), torch.from_numpy(objects.score),
        torch.from_numpy(ignored.xyxy), _long(ignored),
        torch.from_numpy(ignored.score == HARDLY_SEEN), torch.from_numpy(_copy(sample.known)),
    )  # fmt: skip


def _long(labels: Labels) -> Tensor:
    return torch.from_numpy(labels.class_id.astype(np.int64))


def _copy(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.array(mask)


def open_shards(folder: Path) -> list[Shard]:
    """Return the finished shards of a folder, by name."""
    return [Shard(path.parent) for path in sorted(folder.glob("*/index.npz"))]
