"""Mesopic on the bench's streams: its own `spike` command, a process a camera.

    python -P mesopic_spikes.py --model yolox_nano.onnx --fps 5 URL...

Run it with the Python of Mesopic's environment. `spike` is ingest, sampler, detector and
tracker, printing a line an image; its `run` adds a supervisor, the store, a dashboard and the
exporters, so this flatters Mesopic. The model file is laid where its cache looks for it: it
fetches nothing.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

models = importlib.import_module("mesopic.detector.model_manager")


def cache_model(model: str, folder: Path) -> None:
    """Lay `model` where Mesopic's cache looks for its default detector."""
    manager = models.ModelManager(
        folder, download=lambda _spec, place: shutil.copyfile(model, place)
    )
    manager.ensure(models.DEFAULT_MODEL)


def follow(process: "subprocess.Popen[bytes]", counts: list[int], number: int) -> None:
    """Count a process's images until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        if b'"tracks"' in line:
            counts[number] += 1


def main() -> None:
    """Read the command line, run, and answer until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("urls", nargs="+")
    given = parser.parse_args()
    counts = [0] * len(given.urls)
    program = [str(Path(sys.executable).with_name("mesopic")), "spike", "--fps", str(given.fps)]
    with tempfile.TemporaryDirectory() as folder:
        cache_model(given.model, Path(folder))
        environment = {**os.environ, models.MODEL_CACHE_ENV_VAR: folder}
        processes = [
            subprocess.Popen(
                [*program, "--rtsp", url], stdout=subprocess.PIPE, env=environment,
                stdin=subprocess.DEVNULL,
            )
            for url in given.urls
        ]  # fmt: skip
        for number, process in enumerate(processes):
            threading.Thread(target=follow, args=(process, counts, number), daemon=True).start()
        try:
            for _ in sys.stdin:
                for process in processes:
                    if process.poll() is not None:
                        sys.exit(f"mesopic spike ended with status {process.returncode}")
                streams = sum(n > 0 for n in counts)
                answer = {"frames": None, "streams": streams, "images": sum(counts)}
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()
        finally:
            for process in processes:
                process.kill()


if __name__ == "__main__":
    main()
