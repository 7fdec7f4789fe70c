"""The edge to ONNX Runtime: one session, shared by all lanes."""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from edge_agent.detect.manifest import Manifest
from edge_agent.detect.model_inputs import bind_inputs
from edge_agent.detect.open_sides import open_sides
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray

log = logging.getLogger(__name__)

Outputs = Sequence[NDArray[Any]]

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}
#: ONNX Runtime's names, as settings write them.
WORDS = {full: word for word, full in PROVIDERS.items()}
#: What "auto" takes, the first that is installed. TensorRT builds its engine for minutes and
#: XNNPACK wins on few machines only: they run where they are named.
_AUTO = ("cuda", "openvino", "cpu")
_MEASURED = (*_AUTO, "xnnpack")

#: The option by which a provider is told how many threads it may keep.
_OWN_THREADS = {
    PROVIDERS["xnnpack"]: "intra_op_num_threads",
    PROVIDERS["openvino"]: "num_of_threads",
}

_FATAL_ONLY, _ERRORS = 4, 3


class Session:
    """A loaded model. `run` may be called by several threads at once."""

    def __init__(
        self, manifest: Manifest, *, threads: int, provider: str, trims: bool = False
    ) -> None:
        """Load the file, checked against its manifest; `trims` opens the sides of its input.

        Raises: ModelError.
        """
        self._subject = f"model {manifest.model_id}"
        #: Whether pictures may come without the padding that the manifest's input has.
        self.trims = trims
        _verify_file(manifest)
        wanted = choose_provider(provider, onnxruntime.get_available_providers())
        before = _own_threads()
        self._session = _load(manifest, threads, wanted, trims=trims)
        self._helpers = ThreadsCpu(_own_threads() - before)
        got = self._session.get_providers()[0]
        if got != wanted:
            _complain_of_provider(self._subject, provider, wanted, got)
        self.provider: str = WORDS.get(got, got)  # what really runs it, in the settings' word
        self._inputs = bind_inputs(manifest, self._session.get_inputs())
        self.input_name: str = self._inputs.picture
        self.dtype = self._inputs.dtype
        self.one_by_one = self._inputs.fixed_batch

    def helpers_cpu_ns(self) -> int:
        """Return the CPU time since the last call of the threads that help inside a run.

        0 with one thread. Where several lanes ask, each gets a part and together they get all.
        """
        return self._helpers.take_ns()

    def run(self, images: FloatArray) -> list[tuple[Outputs, int]]:
        """Return (outputs, pictures) for `images` (n, 3, h, w), in order and all n in sum.

        A model whose batch axis is fixed at 1 is run n times. Raises: ModelError.
        """
        step = 1 if self.one_by_one else len(images)
        runs: list[tuple[Outputs, int]] = []
        for start in range(0, len(images), step):
            part = images[start : start + step]
            try:
                outputs = self._session.run(None, self._inputs.feed(part))
            except Exception as error:  # ONNX Runtime's errors share no base class
                raise ModelError(
                    f"{self._subject}: inference of {len(part)} pictures failed: "
                    f"{_one_line(error)}; the batch is dropped"
                ) from error
            runs.append((outputs, len(part)))
        return runs


class ThreadsCpu:
    """The CPU time of threads that Python does not know, such as a session's own."""

    def __init__(self, tids: set[int]) -> None:
        # The clock of another thread of this process. Source: clock_getcpuclockid(3), Linux's
        # CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED.
        self._clocks = [(~tid << 3) | 6 for tid in sorted(tids)]
        self._seen_ns = self._total_ns()
        self._lock = threading.Lock()

    def take_ns(self) -> int:
        """Return what was spent since the last call."""
        if not self._clocks:
            return 0
        with self._lock:
            total_ns = self._total_ns()
            spent_ns, self._seen_ns = total_ns - self._seen_ns, total_ns
            return spent_ns

    def _total_ns(self) -> int:
        try:
            return sum(map(time.clock_gettime_ns, self._clocks))
        except OSError:  # a thread has ended
            self._clocks = []
            return 0


def _own_threads() -> set[int]:
    """Return the kernel's ids of this process's threads that are not Python's."""
    tids = {int(name) for name in os.listdir("/proc/self/task")}
    return tids - {thread.native_id or 0 for thread in threading.enumerate()}


def choose_provider(name: str, available: Sequence[str]) -> str:
    """Return ONNX Runtime's name of the provider called `name`, or the best for "auto".

    Raises: ModelError listing what is installed.
    """
    if name == "auto":
        return next(PROVIDERS[word] for word in _AUTO if PROVIDERS[word] in available)
    if PROVIDERS.get(name) in available:
        return PROVIDERS[name]
    present = ", ".join(word for word, full in PROVIDERS.items() if full in available)
    raise ModelError(
        f'model.provider "{name}": the installed ONNX Runtime has only {present}; '
        'install the onnxruntime that brings it, or set "auto"; the model is not loaded'
    )


def installed_providers(name: str) -> list[str]:
    """Return the words of the providers worth measuring for the setting `name`, best guess first.

    "auto": all that are installed but TensorRT, which builds its engine for minutes and runs
    where it is named.
    Raises: ModelError where `name` is not installed.
    """
    available = onnxruntime.get_available_providers()
    if name != "auto":
        return [WORDS[choose_provider(name, available)]]
    return [word for word in _MEASURED if PROVIDERS[word] in available]


def _verify_file(manifest: Manifest) -> None:
    try:
        with manifest.file.open("rb") as stream:
            seen = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"model {manifest.name}: {manifest.file}: {error.strerror}; "
            "the key file of its manifest names it; the model is not loaded"
        ) from None
    if seen != manifest.sha256:
        raise ModelError(
            f"model {manifest.name}: {manifest.file} has sha256 {seen[:12]}…, its manifest says "
            f"{manifest.sha256[:12]}…: another file or a torn copy; the model is not loaded"
        )


def _load(manifest: Manifest, threads: int, provider: str, *, trims: bool) -> Any:
    options = onnxruntime.SessionOptions()
    # XNNPACK and OpenVINO keep threads of their own; ONNX Runtime's would stand beside them.
    own = _OWN_THREADS.get(provider)
    options.intra_op_num_threads = 1 if own else threads
    options.inter_op_num_threads = 1
    # Spinning threads burn 29 ms of CPU an image where 7 ms are needed (design, session).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # On the CPU every error comes as an exception too; warnings are a line for each weight.
    # Of another provider the log alone tells which library it misses.
    options.log_severity_level = _FATAL_ONLY if provider == PROVIDERS["cpu"] else _ERRORS
    given = {own: str(threads)} if own else {}
    providers = {provider: given, PROVIDERS["cpu"]: {}}
    try:
        model = _with_open_sides(manifest) if trims else str(manifest.file)
        return onnxruntime.InferenceSession(
            model, sess_options=options, providers=list(providers.items())
        )
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ModelError(
            f"model {manifest.model_id}: {manifest.file}: ONNX Runtime refuses it: "
            f"{_one_line(error)}; the model is not loaded"
        ) from error


def _with_open_sides(manifest: Manifest) -> bytes:
    sides = (2, 3) if manifest.layout == "nchw" else (1, 2)
    return open_sides(manifest.file.read_bytes(), sides)


def _complain_of_provider(subject: str, asked: str, wanted: str, got: str) -> None:
    if asked != "auto":
        raise ModelError(
            f'{subject}: model.provider "{asked}" is installed but does not start ({got} came '
            "instead): a driver or library is missing; the model is not loaded"
        )
    log.warning("%s: %s is installed but does not start; running on %s", subject, wanted, got)


def _one_line(error: Exception) -> str:
    """Return an ONNX Runtime error without its prefix, on one line, at most 300 characters."""
    text = " ".join(str(error).split())
    return text.rpartition("[ONNXRuntimeError] : ")[2][:300]
