"""Rendered clips that are kept in a folder and made again only when they would differ."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from edge_agent.scenes.clip import Order, Progress, render_clips, truth_path

_HERE = Path(__file__).parent


def kept_path(order: Order, folder: Path) -> Path:
    """Return where the clip of `order` lies in `folder` or will lie; `order.out` is not asked.

    The name holds a hash of scene, knobs, seed, length, rate, size, codec and renderer.
    """
    what = sorted(asdict(replace(order, seconds=float(order.seconds), out=Path())).items())
    digest = hashlib.sha256(repr((renderer(), what)).encode()).hexdigest()
    return folder / f"{order.scene.name}-{digest[:16]}.mp4"


@cache
def renderer() -> str:
    """Return a name of all that decides the pictures besides an order: code and libraries."""
    digest = hashlib.sha256(f"{cv2.__version__} {np.__version__}".encode())
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def missing(orders: Sequence[Order], folder: Path) -> list[Order]:
    """Return those of `orders` that `folder` does not hold yet."""
    return [order for order in orders if not kept_path(order, folder).exists()]


def keep_clips(orders: Sequence[Order], folder: Path, progress: Progress) -> list[Path]:
    """Return the clips of `orders`, rendering those that `folder` lacks, two at a time.

    A clip that is there is whole and has its truth beside it; several programs may do this at
    once. Raises: AgentError where a clip cannot be rendered.
    """
    kept = [kept_path(order, folder) for order in orders]
    with tempfile.TemporaryDirectory(prefix="rendering-", dir=folder) as name:
        lacking = missing(orders, folder)
        made = [replace(o, out=Path(name) / kept_path(o, folder).name) for o in lacking]
        render_clips(made, progress=progress)
        for order in made:
            clip = folder / order.out.name
            truth_path(order.out).replace(truth_path(clip))
            order.out.replace(clip)
    return kept
