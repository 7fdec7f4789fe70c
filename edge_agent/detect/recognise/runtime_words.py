"""ONNX Runtime's errors in words that tell a user what to do."""

import re

#: What ONNX Runtime says -> what it means for whoever exported the model.
_MEANINGS = (
    (
        re.compile(r"Opset (\d+) is under development.* till opset (\d+)"),
        "its opset {} is newer than the ONNX Runtime here knows, which goes to {}; export with a "
        "lower one, such as opset 17",
    ),
    (
        re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)"),
        "its IR version {} is newer than the ONNX Runtime here knows, which goes to {}; export "
        "with a lower one",
    ),
    (
        re.compile(r"No Op registered for (\S+) with domain_version of (\d+)"),
        "its operator {} is none of opset {}; export without it",
    ),
)
#: Places in ONNX Runtime's sources, and C++ signatures before the text.
_NOISE = re.compile(
    r"(Load model from .*? failed: ?)|(/\S+\.(cc|h|hpp):\d+ )|([\w:<>~]+::.*?\) (?=[A-Z]))"
)
_MOST = 300


def refusal_words(error: Exception) -> str:
    """Return why ONNX Runtime does not load a file."""
    text = _plain(error)
    for pattern, words in _MEANINGS:
        if match := pattern.search(text):
            return words.format(*match.groups())
    return f"ONNX Runtime refuses it: {text[:_MOST]}"


def run_words(error: Exception) -> str:
    """Return why a run failed, on one line."""
    return _plain(error)[:_MOST]


def _plain(error: Exception) -> str:
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : (\w+) : ", r"", text)
    return _NOISE.sub("", text).removeprefix("void ").strip()
