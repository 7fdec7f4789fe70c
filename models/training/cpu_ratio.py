"""CPU time of models: `python -m models.training.cpu_ratio A.onnx@WxH B.onnx@WxH`.

One thread, turns taken in one run, so that what the machine does besides falls on all alike.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort


def cpu_ms(models: list[tuple[Path, tuple[int, int]]], rounds: int = 5) -> list[list[float]]:
    """Return for each model the CPU milliseconds an image of each round."""
    sessions = [_open(path) for path, _ in models]
    rng = np.random.default_rng(1)
    images = [rng.uniform(0, 255, (1, 3, wh[1], wh[0])).astype(np.float32) for _, wh in models]
    for session, image in zip(sessions, images, strict=True):
        _turn(session, image, 5)
    return [
        list(turns)
        for turns in zip(
            *(
                [_turn(s, i, 30) for s, i in zip(sessions, images, strict=True)]
                for _ in range(rounds)
            ),
            strict=True,
        )
    ]


def _open(path: Path) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _turn(session: Any, image: np.ndarray, runs: int) -> float:
    name = session.get_inputs()[0].name
    began = time.process_time()
    for _ in range(runs):
        session.run(None, {name: image})
    return (time.process_time() - began) / runs * 1000


def ratios(turns: list[list[float]]) -> list[float]:
    """Return each model's median over rounds of its time over the first model's."""
    return [median(t / first for t, first in zip(own, turns[0], strict=True)) for own in turns]


def main() -> None:
    """Print the times and the ratios to the first model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="FILE@WIDTHxHEIGHT; the first is 1")
    models = []
    for text in parser.parse_args().models:
        path, _, size = text.rpartition("@")
        width, _, height = size.partition("x")
        models.append((Path(path), (int(width), int(height))))
    turns = cpu_ms(models)
    for (path, wh), own, ratio in zip(models, turns, ratios(turns), strict=True):
        print(f"{path.name} {wh[0]}×{wh[1]}: {median(own):.2f} ms, ratio {ratio:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
