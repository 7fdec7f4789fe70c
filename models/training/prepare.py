"""Make the shards: `python -m models.training.prepare --shared ../shared --out DIR`."""

import argparse
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from models.training.footage import footage
from models.training.rendered import rendered
from models.training.shards import write_shard
from models.training.sources import Look, photos
from models.training.teacher import Rows, Teacher

log = logging.getLogger("prepare")

LONGEST = 960  # px; more than the largest input of 640 × 384, for pictures that are cropped
_TOWNS = 50  # of one shard of scenes: a resumed run makes only the shards that are missing


def remembered(teacher: Teacher, cache: Path) -> Look:
    """Return a look at files that is made once and kept in `cache`, a JSON file a picture."""
    cache.mkdir(parents=True, exist_ok=True)

    def look(path: Path) -> Rows:
        kept = cache / f"{hashlib.sha256(path.name.encode()).hexdigest()[:24]}.json"
        if kept.exists():
            return np.array(json.loads(kept.read_text()), np.float32).reshape(-1, 6)
        bgr = cv2.imread(str(path))
        if bgr is None:
            raise FileNotFoundError(f"picture {path}: cannot be read")
        rows = teacher.look(bgr.astype(np.uint8))
        unfinished = kept.with_suffix(".partial")
        unfinished.write_text(json.dumps(np.round(rows, 3).tolist()))
        unfinished.replace(kept)
        return rows

    return look


def wait_while(pause_file: Path | None, wanted: Callable[[], bool] = lambda: True) -> None:
    """Return when the file is gone: while it exists, others want the machine for themselves.

    Returns at once where the work is no longer `wanted`.
    """
    while pause_file is not None and pause_file.exists() and wanted():
        time.sleep(1)


def make(folder: Path, write: Callable[[Path], int], pause_file: Path | None) -> None:
    """Make one shard unless it is there."""
    if (folder / "index.npz").exists():
        return
    wait_while(pause_file)
    started = time.monotonic()
    count = write(folder)
    log.info("%s: %d pictures in %.0f s", folder.name, count, time.monotonic() - started)


def main() -> None:
    """Make what is missing of photos, footage and scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, required=True, help="folder of shards and caches")
    parser.add_argument("--towns", type=int, default=5000, help="rendered towns, 4 pictures each")
    parser.add_argument("--only", choices=("photos", "footage", "scenes"))
    parser.add_argument("--pause-file", type=Path, help="waits between shards while it exists")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    shards = args.out / "shards"
    if args.only in (None, "photos"):
        look = remembered(Teacher(args.shared / "models"), args.out / "teacher")
        make(
            shards / "photos",
            lambda folder: write_shard(folder, photos(args.shared / "data", look), LONGEST),
            args.pause_file,
        )
    if args.only in (None, "footage"):
        teacher = Teacher(args.shared / "models")
        make(
            shards / "footage",
            lambda folder: write_shard(folder, footage(args.shared / "media", teacher), LONGEST),
            args.pause_file,
        )
    if args.only in (None, "scenes"):
        for first in range(0, args.towns, _TOWNS):
            make(shards / f"scenes-{first:05d}", partial(_write_scenes, first), args.pause_file)


def _write_scenes(first: int, folder: Path) -> int:
    return write_shard(folder, rendered(first, _TOWNS), LONGEST)


if __name__ == "__main__":
    main()
