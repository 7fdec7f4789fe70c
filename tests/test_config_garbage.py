"""Whatever stands in a site file, `load` gives settings or a ConfigError, and leaks nothing."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.config import load
from edge_agent.config.allowed import keys_at, leaf_paths, schema_at
from edge_agent.config.environment import variable_names
from edge_agent.errors import ConfigError
from tests.config_support import MINIMAL

SECRET = "hunter2"
QUICK = settings(max_examples=150, deadline=None, derandomize=True)


def load_bytes(content: bytes, environ: dict[str, str] | None = None) -> str:
    """Return what `load` says to a file of `content`; anything but ConfigError escapes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.toml"
        file.write_bytes(content)
        answer = ""
        try:
            load(file, environ or {})
        except ConfigError as error:
            answer = str(error) or "\n"
    assert not answer or all(line.strip() for line in answer.split("\n"))
    return answer


@given(st.binary(max_size=200))
@QUICK
def test_random_bytes(content: bytes) -> None:
    load_bytes(content)


@given(st.text(st.sampled_from("[]{}=.,'\"#\n\\ abi1-_+:TZe\r\t"), max_size=80))
@example("a=[" * 5000)
@example("a = 1" + "0" * 4400)
@example("a" + ".a" * 3000 + " = 1")
@QUICK
def test_random_toml_signs(text: str) -> None:
    load_bytes(text.encode())


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(max_size=12)
    | st.sampled_from(
        ["", "rtsp://", "a\0b", "../..", "/dev/zero", "mqtts://[::1", "://", "@", "~"]
    )
)
#: Keys of all tables, so that known ones turn up in wrong places too.
NAMES = st.sampled_from(
    sorted(
        {str(part) for path in leaf_paths() for part in path}
        | {"camera", "password", "polygon", "min_wh_norm", "max_wh_norm"}
        | set(keys_at(("camera", 0)))
    )
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@given(st.dictionaries(NAMES, TREES, max_size=8))
@QUICK
def test_known_keys_with_random_values(tree: dict[str, Any]) -> None:
    text = ""
    with contextlib.suppress(ValueError, TypeError):  # what TOML cannot hold
        text = tomlkit.dumps(tree)
    load_bytes(text.encode("utf-8", "replace"))


@given(
    st.sampled_from(sorted(variable_names())),
    st.text(st.characters(exclude_characters="\0"), max_size=20),
)
@QUICK
def test_random_variables(name: str, value: str) -> None:
    load_bytes(MINIMAL.encode(), {name: value, "EDGE_AGENT_CAMERA_GATE_NORTH_PASSWORD": value})


#: Around a secret as people write it into URLs; raw passwords hold any sign.
SIGNS = st.text(st.sampled_from("@#?/:;%&= \\'ab1"), max_size=4)
FRAMES = [
    "rtsp://admin:{}@10.0.0.7/101",
    "rtsps://{}@10.0.0.7:554/101",
    "rtsp:/admin:{}@10.0.0.7/101",
    "rtsp//admin:{}@10.0.0.7/101",
    "admin:{}@10.0.0.7/101",
    "RTSP://admin:{}@10.0.0.7/101",
    "http://10.0.0.7/?user=a&pwd={}",
    "mqtt://pi:{}@broker:1883",
    "ftp://pi:{}@[::1]/x",
]


@given(st.sampled_from(FRAMES), SIGNS, SIGNS)
@QUICK
def test_a_secret_in_any_address_is_refused_and_never_shown(
    frame: str, before: str, after: str
) -> None:
    address = frame.format(f"{before}{SECRET}{after}")
    quoted = tomlkit.string(address).as_string()
    for key in ("url", "detect_url", "ring", "username", "zones", "transprot", "password"):
        tree = MINIMAL.replace('url = "rtsp://10.0.0.7/101"', f"url = {quoted}")
        text = tree if key == "url" else f"{MINIMAL}{key} = {quoted}\n"
        answer = load_bytes(text.encode())
        assert SECRET not in answer
        assert answer or key == "username"
    for key in ("url", "ca_file", "topic_root", "passwort", "max_rows"):
        answer = load_bytes(f"{MINIMAL}[broker]\n{key} = {quoted}\n".encode())
        assert SECRET not in answer
        assert answer or key == "topic_root"


def test_a_secret_in_any_variable_is_never_shown() -> None:
    for path in leaf_paths():
        name = next(name for name, known in variable_names().items() if known == path)
        answer = load_bytes(MINIMAL.encode(), {name: f"mqtt://pi:{SECRET}@broker"})
        assert SECRET not in answer
        if (schema_at(path) or {}).get("type") != "string" or path == ("broker", "url"):
            assert answer.startswith(f"environment {name}: ")
