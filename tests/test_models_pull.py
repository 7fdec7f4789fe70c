"""`edge-agent models pull`: from the catalogue into the model store, checked and tested."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.config import boxed_model
from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.catalogue import load_catalogue
from edge_agent.errors import DownloadError, ModelError, UsageError
from edge_agent.settings import Plan
from tests.detect_support import SHARED, needs_shared
from tests.file_server import FileServer, serve
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until

ENTRY = """\
[toy]
title = "Toy"
url = "{url}"
sha256 = "{sha256}"
bytes = {size}
known = "built here"
run = true
licence = "Apache-2.0"
licence_words = "free for any use"
page = "tests/toy_model.py"

[toy.manifest]
family = "yolox"
input_wh = [160, 96]
channels = "bgr"
letterbox = "top_left"
pad = 0
strides = [8, 8, 8]
labels = ["person", "car", "truck"]
score_threshold = 0.5
"""


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "built").mkdir()
    write_toy_yolox(tmp_path / "built")
    with serve((tmp_path / "built" / "toy.onnx").read_bytes()) as state:
        yield state


@pytest.fixture
def catalogue(tmp_path: Path, server: FileServer) -> Path:
    file = tmp_path / "catalogue.toml"
    digest = hashlib.sha256(server.content).hexdigest()
    file.write_text(ENTRY.format(url=server.url, sha256=digest, size=len(server.content)))
    return file


def pull(catalogue: Path, *options: object) -> tuple[int, str]:
    store = catalogue.parent / "store"
    fixed = ["models", "pull", "--catalogue", str(catalogue), "--store", str(store)]
    result = CliRunner().invoke(app, [*fixed, *map(str, options)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.output


def test_a_model_is_pulled_into_the_store_and_runs(
    tmp_path: Path, server: FileServer, catalogue: Path
) -> None:
    status, out = pull(catalogue, "toy", "--untested")
    assert status == 0, out
    assert "Toy: Apache-2.0, free for any use" in out
    folder = tmp_path / "store" / "toy"
    assert sorted(file.name for file in folder.iterdir()) == ["SHA256SUMS", "toy.onnx", "toy.toml"]
    assert f'manifest = "{folder / "toy.toml"}"' in out
    manifest = load_manifest(folder / "toy.toml")
    assert (manifest.name, manifest.licence, manifest.input_wh) == ("toy", "Apache-2.0", (160, 96))
    assert [c.name for c in open_detector(folder / "toy.toml", plan=Plan()).classes] == [
        "person", "vehicle", "vehicle"
    ]  # fmt: skip
    assert [file.name for file in (tmp_path / "store").iterdir()] == ["toy"]
    assert len(server.seen) == 1


def test_a_model_that_is_there_is_not_fetched_again(server: FileServer, catalogue: Path) -> None:
    pull(catalogue, "toy", "--untested")
    status, out = pull(catalogue, "toy")
    assert status == 0
    assert "already" in out
    assert len(server.seen) == 1


def test_another_model_of_that_name_stays(
    tmp_path: Path, server: FileServer, catalogue: Path
) -> None:
    folder = tmp_path / "store" / "toy"
    folder.mkdir(parents=True)
    (folder / "toy.onnx").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists and is not replaced"):
        pull(catalogue, "toy")
    assert (folder / "toy.onnx").read_bytes() == b"mine"
    assert server.seen == []


def test_a_model_that_fails_its_test_is_not_added_and_not_fetched_twice(
    tmp_path: Path, server: FileServer, catalogue: Path
) -> None:
    status, out = pull(catalogue, "toy")  # a toy that sees red blobs finds nobody on photographs
    assert status == 1
    assert "not added; --untested" in out
    assert not (tmp_path / "store" / "toy").exists()
    status, _ = pull(catalogue, "toy", "--untested")
    assert status == 0
    assert "tested = false" in (tmp_path / "store" / "toy" / "toy.toml").read_text()
    assert len(server.seen) == 1


def test_a_wrong_file_does_not_come_into_the_store(
    tmp_path: Path, server: FileServer, catalogue: Path
) -> None:
    server.content = server.content[::-1]
    with pytest.raises(DownloadError, match="the catalogue says"):
        pull(catalogue, "toy", "--untested")
    assert not (tmp_path / "store" / "toy").exists()


def test_ctrl_c_keeps_the_part_and_the_next_call_goes_on(
    tmp_path: Path, server: FileServer, catalogue: Path
) -> None:
    half = len(server.content) // 2
    server.stalls = [half]
    child = subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "models", "pull", "toy", "--untested",
         "--catalogue", catalogue, "--store", tmp_path / "store"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    pulling = tmp_path / "store" / ".pulling"
    wait_until(
        lambda: [p for p in pulling.glob("*.part") if p.stat().st_size == half], "half is there", 60
    )
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"stopped; {half} of {len(server.content)} bytes are kept" in out
    assert "Traceback" not in out
    server.released.set()
    status, _ = pull(catalogue, "toy", "--untested")
    assert status == 0
    assert server.seen[-1]["Range"] == f"bytes={half}-"


def test_the_catalogue_is_shown_and_an_unknown_name_told(catalogue: Path) -> None:
    status, out = pull(catalogue)
    assert status == 0
    assert "Toy" in out
    with pytest.raises(UsageError, match="no 'tiger' in the catalogue; it has toy"):
        pull(catalogue, "tiger")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("http://", "ftp://", "entry toy: url: URL scheme should be 'http' or 'https'"),
        ("http://", "http://me:secret@", "url holds a user name or password"),
        ('sha256 = "', 'sha256 = "x', "entry toy: sha256: String should match pattern"),
        ("bytes = ", "bytes = -", "entry toy: bytes: Input should be greater than 0"),
        ('licence = "', 'license = "', "entry toy: licence: Field required"),
        ('family = "yolox"', 'family = "yolo-x"', "entry toy: "),
        ("[toy]", "[toy", "not valid TOML"),
        ("[toy]", "other = 1\n[toy]", "entry other: title: Field required"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_the_place(
    catalogue: Path, old: str, new: str, words: str
) -> None:
    catalogue.write_text(catalogue.read_text().replace(old, new, 1))
    with pytest.raises(ModelError) as caught:
        load_catalogue(catalogue)
    assert words in str(caught.value)
    assert str(catalogue) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_our_own_catalogue_is_whole() -> None:
    entries = load_catalogue(boxed_model("catalogue"))
    assert {"yolox-nano", "picodet-s-416"} <= set(entries)
    for entry in entries.values():
        assert entry.url.scheme == "https"
        assert "AGPL" not in entry.licence  # such a file is named in the docs, never offered


@needs_shared
@pytest.mark.parametrize(
    ("name", "file"),
    [("picodet-s-416", "picodet_s_416.onnx"), ("deimv2-femto", "deimv2_femto.onnx")],
)
def test_what_the_catalogue_has_run_is_pulled_and_passes_its_test(
    tmp_path: Path, name: str, file: str
) -> None:
    entry = load_catalogue(boxed_model("catalogue"))[name]
    with serve((SHARED / "models" / file).read_bytes()) as server:
        ours = tmp_path / "catalogue.toml"
        text = boxed_model("catalogue").read_text()
        ours.write_text(text.replace(str(entry.url), server.url))
        status, out = pull(ours, name)
    assert status == 0, out
    assert load_manifest(tmp_path / "store" / name / f"{name}.toml").name == name
