"""The stage's sites: which cameras play what, and the site file that the agent is given."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from edge_agent.config import boxed_model
from edge_agent.types import Layer, Ring

#: Where a detector and footage of other people lie beside a checkout.
SHARED_MODEL = Path("shared/models/yolox_nano.onnx")
SHARED_MEDIA = Path("shared/media")

#: Of every agent on the stage: measuring would take 20 s, and runs would differ.
PLAN: Mapping[str, int] = {"lanes": 2, "threads": 1, "batch": 1}

_PROJECT = Path(__file__).parents[2]
_VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".ts"}


@dataclass(frozen=True, slots=True)
class StageCamera:
    """A camera of the stage and the footage, a file's name, that it would like to play."""

    id: str
    footage: str
    ring: Ring
    layer: Layer


#: What the demo plays from a folder of videos.
MEDIA_CAMERAS = (
    StageCamera(
        "gate", "one-by-one-person-detection_768x432.mp4", Ring.URBAN, Layer.PORTRAIT
    ),
    StageCamera("plaza", "pets_street_480x360.mp4", Ring.SUBURBAN, Layer.PORTRAIT),
    StageCamera("motorway", "motorway_640x360.mp4", Ring.RURAL, Layer.CHECKPOINT),
    StageCamera("crowd", "crowd_1280x720.mp4", Ring.URBAN, Layer.PANORAMIC),
)  # fmt: skip

BENCH_CAMERAS = (
    StageCamera("crowd", "crowd_1280x720.mp4", Ring.URBAN, Layer.PANORAMIC),
    StageCamera("plaza", "pets_street_480x360.mp4", Ring.SUBURBAN, Layer.PORTRAIT),
    StageCamera("motorway", "motorway_640x360.mp4", Ring.RURAL, Layer.CHECKPOINT),
    StageCamera("junction", "traffic_dense_640x360.mp4", Ring.SUBURBAN, Layer.CHECKPOINT),
)


def find_beside(path: Path) -> Path | None:
    """Return `path` below the first folder that has it: a parent of here or of this checkout."""
    here = Path.cwd()
    for folder in (here, *here.parents, _PROJECT, *_PROJECT.parents):
        if (folder / path).exists():
            return folder / path
    return None


def choose_footage(cameras: Sequence[StageCamera], media: Path) -> dict[str, Path]:
    """Return a file for each camera: the one it would like, else those in `media` in turn.

    Returns {} where the folder has no video at all.
    """
    videos = sorted(file for file in media.glob("*") if file.suffix.lower() in _VIDEO_SUFFIXES)
    if not videos:
        return {}
    return {
        camera.id: next(
            (file for file in videos if file.name == camera.footage), videos[i % len(videos)]
        )
        for i, camera in enumerate(cameras)
    }


def write_manifest(folder: Path, model: Path) -> Path:
    """Write a copy of the agent's manifest of YOLOX-Nano that points at `model`."""
    document = tomlkit.parse(boxed_model("yolox_nano").read_text())
    document["file"] = str(model.absolute())
    path = folder / "model.toml"
    path.write_text(tomlkit.dumps(document))
    return path


def write_site(
    folder: Path,
    *,
    agent_id: str,
    broker_url: str,
    manifest: Path | None,
    cameras: Sequence[StageCamera],
    urls: Mapping[str, str],
    target_fps: float = 5.0,
    username: str | None = None,
) -> Path:
    """Write the site file of an agent whose state and status socket lie in `folder`.

    Args: `manifest` None is the agent's own detector; `username` is the account at every
    camera, whose password is the environment's.
    """
    named = {} if manifest is None else {"manifest": str(manifest.absolute())}
    account = {} if username is None else {"username": username}
    site = {
        "site": "stage",
        "agent_id": agent_id,
        "state_dir": str(folder / "state"),
        "broker": {"url": broker_url},
        "model": {**named, "plan": dict(PLAN)},
        "service": {"status_socket": str(status_socket(folder))},
        "camera": [
            {
                "id": camera.id,
                "url": urls[camera.id],
                "ring": camera.ring.value,
                "layer": camera.layer.value,
                "target_fps": target_fps,
                **account,
            }
            for camera in cameras
        ],
    }
    path = folder / "site.toml"
    path.write_text(tomlkit.dumps(site))
    return path


def status_socket(folder: Path) -> Path:
    """Return where the agent of this folder answers."""
    return folder / "status.sock"


def measured_cores() -> tuple[frozenset[int], frozenset[int]]:
    """Return (the core for what is measured, those for everything else); one core does both."""
    cores = sorted(os.sched_getaffinity(0))
    return frozenset(cores[-1:]), frozenset(cores[:-1] or cores)
