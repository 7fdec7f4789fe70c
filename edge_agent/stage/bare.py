"""The bare program: the least that could do the agent's heavy work; run as a file.

    python -P bare.py --model M.onnx --fps 5 --lanes 2 [--input-wh W H] URL...

One process: a reader thread a stream receives and decodes every picture with PyAV, and lane
threads call ONNX Runtime on a constant input, once for each point of each stream's pts grid
(k / fps), which is when the agent analyses a frame. No picture reaches the model, nothing is
tracked or sent: what the agent spends beyond this is its overhead. Imports nothing of the
package. Prints `{"frames": n, "images": n, "streams": n, "infer_cpu_s": s}` for each line on
standard input, and ends with it.
"""

import argparse
import json
import queue
import sys
import threading
import time

import av
import numpy as np
import onnxruntime

# Both time-outs are needed: the option alone hangs on a server that trickles bytes.
_OPTIONS = {"rtsp_transport": "tcp", "timeout": "3000000"}
_TIMEOUT_S = (5, 2)

Feed = dict[str, np.ndarray]


class Work:
    """The streams' pictures to analyse, and what was done since the start.

    Each stream has one place, as in the agent's slots: a picture that finds it taken is the
    same work. Every counter has one writer, so there is no lock.
    """

    def __init__(self, streams: int, lanes: int) -> None:
        self.frames = [0] * streams
        self.images = [0] * lanes
        self.infer_cpu_s = [0.0] * lanes
        self.stop = threading.Event()
        self._taken = [False] * streams
        self._due: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def offer(self, stream: int) -> None:
        """Ask for one inference for a stream."""
        if not self._taken[stream]:
            self._taken[stream] = True
            self._due.put(stream)

    def wait(self) -> bool:
        """Take the next inference; False at the end."""
        stream = self._due.get()
        if stream is None:
            return False
        self._taken[stream] = False
        return True

    def end(self) -> None:
        """Let the lanes end once nothing is left."""
        for _ in self.images:
            self._due.put(None)

    def line(self) -> str:
        """Return the counts as one line of JSON."""
        live = sum(n > 0 for n in self.frames)
        counts = {"frames": sum(self.frames), "images": sum(self.images), "streams": live}
        return json.dumps({**counts, "infer_cpu_s": sum(self.infer_cpu_s)})


def read(url: str, fps: float, stream: int, work: Work) -> None:
    """Decode a stream until the end; offer the first picture at or after each k / fps."""
    with av.open(url, options=_OPTIONS, timeout=_TIMEOUT_S) as container:
        video = container.streams.video[0]
        video.codec_context.thread_count = 1
        origin_s, last_point = None, -1
        for picture in container.decode(video):
            work.frames[stream] += 1
            if (time_s := picture.time) is not None:
                origin_s = time_s if origin_s is None else origin_s
                point = int((time_s - origin_s) * fps + 1e-6)
                if point > last_point:
                    last_point = point
                    work.offer(stream)
            if work.stop.is_set():
                return


def constant_input(session: onnxruntime.InferenceSession, wh: list[int] | None) -> Feed:
    """Return one grey picture; `wh` is its width and height where the model leaves them open."""
    given = session.get_inputs()[0]
    shape = [n if isinstance(n, int) else 1 for n in given.shape]
    if wh is not None:
        shape[2:] = wh[::-1]
    return {given.name: np.full(shape, 114, np.float32)}


def infer(session: onnxruntime.InferenceSession, feed: Feed, lane: int, work: Work) -> None:
    """Run the model on a constant input whenever an inference is due, until the end."""
    while work.wait():
        began_s = time.thread_time()
        session.run(None, feed)
        work.infer_cpu_s[lane] += time.thread_time() - began_s
        work.images[lane] += 1


def open_session(model: str) -> onnxruntime.InferenceSession:
    """Return a session of one thread that does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Read the command line, run, and answer until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--input-wh", type=int, nargs=2)
    parser.add_argument("urls", nargs="+")
    given = parser.parse_args()
    session = open_session(given.model)
    feed = constant_input(session, given.input_wh)
    work = Work(len(given.urls), given.lanes)
    lanes = [
        threading.Thread(target=infer, args=(session, feed, lane, work))
        for lane in range(given.lanes)
    ]
    readers = [
        threading.Thread(target=read, args=(url, given.fps, stream, work))
        for stream, url in enumerate(given.urls)
    ]
    for thread in lanes + readers:
        thread.start()
    for _ in sys.stdin:
        sys.stdout.write(f"{work.line()}\n")
        sys.stdout.flush()
    work.stop.set()
    for reader in readers:
        reader.join()
    work.end()
    for lane in lanes:
        lane.join()


if __name__ == "__main__":
    main()
