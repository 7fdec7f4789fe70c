"""Roboflow's `InferencePipeline` on the bench's streams, around the same model file.

    python -P roboflow_pipeline.py --model yolox_nano.onnx --fps 5 URL...

Run it with the Python of an environment that has `inference-cpu`. The pipeline reads and decodes
the streams, paces them and calls the function given to `init_with_custom_logic`: here the same
letterbox, session and suppression as in cv2_threads.py beside this file, for its own models come
from its service. Nothing is tracked, stored or sent.
"""

import argparse
import importlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

# Its parts are loaded with the package: telemetry and model families that nobody asked for.
os.environ.update(
    TELEMETRY_OPT_OUT="True",
    METRICS_ENABLED="False",
    DISABLE_VERSION_CHECK="True",
    ONNXRUNTIME_EXECUTION_PROVIDERS="[CPUExecutionProvider]",
)
sys.path.insert(0, str(Path(__file__).parent))

cv2_threads = importlib.import_module("cv2_threads")
pipelines = importlib.import_module("inference")


def main() -> None:
    """Read the command line, run, and answer until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("urls", nargs="+")
    given = parser.parse_args()
    detector = cv2_threads.Detector(given.model)
    images = [0] * len(given.urls)

    def on_frames(frames: list[Any]) -> list[Any]:
        found = []
        for frame in frames:
            images[frame.source_id or 0] += 1
            found.append(detector.detect(frame.image))
        return found

    # Its `max_fps` is shared out among the sources.
    pipeline = pipelines.InferencePipeline.init_with_custom_logic(
        video_reference=given.urls, on_video_frame=on_frames, max_fps=given.fps * len(given.urls)
    )
    threading.Thread(target=lambda: pipeline.start(use_main_thread=False), daemon=True).start()
    for _ in sys.stdin:
        answer = {"frames": None, "streams": sum(n > 0 for n in images), "images": sum(images)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)  # its threads do not end


if __name__ == "__main__":
    main()
