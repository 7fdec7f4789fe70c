"""The model store: a model is in it whole or not at all, and nothing in it is replaced."""

import hashlib
import json
import subprocess
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.config import load
from edge_agent.detect import load_manifest
from edge_agent.detect.store import SUMS, ModelStore, changed_files, name_for
from edge_agent.errors import AgentError, ConfigError, ModelError, ModelRefused, UsageError
from tests.inspect_variants import BOXED, Variant
from tests.test_bad_models import detector
from tests.toy_model import write_toy_yolox

needs_boxed = pytest.mark.skipif(not BOXED.exists(), reason="needs models/ring_nano.onnx")

SITE = """\
site = "town"
agent_id = "box"
state_dir = "{state}"
[model]
manifest = "{manifest}"
[broker]
url = "mqtt://127.0.0.1"
[[camera]]
id = "gate"
url = "rtsp://127.0.0.1/1"
ring = "urban"
layer = "portrait"
"""


def models(*options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", *map(str, options)])
    if isinstance(result.exception, AgentError):
        raise result.exception
    return result.exit_code, result.output


def put(store: ModelStore, folder: Path, name: str = "toy") -> Path:
    """Put the toy detector into `store` without any test; return its manifest there."""
    manifest = load_manifest(write_toy_yolox(folder))
    text = (folder / "toy.toml").read_text().replace("toy.onnx", f"{name}.onnx")
    return store.add(name, {f"{name}.onnx": manifest.file}, manifest.sha256, text).manifest


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "state" / "models")


@needs_boxed
def test_an_added_model_is_tested_listed_verified_and_removed(tmp_path: Path) -> None:
    file = Variant().write(tmp_path / "Gate Net v2.onnx")
    place = ("--store", tmp_path / "store")
    status, text = models("add", file, "--labels", "person,vehicle", *place)
    assert status == 0
    assert "self-test passed" in text
    folder = tmp_path / "store" / "Gate-Net-v2"
    assert {p.name for p in folder.iterdir()} == {
        "Gate-Net-v2.onnx", "Gate-Net-v2.toml", SUMS}  # fmt: skip
    manifest = load_manifest(folder / "Gate-Net-v2.toml")
    assert manifest.tested
    assert manifest.file.read_bytes() == file.read_bytes()
    (row,) = json.loads(models("list", *place, "--json")[1])
    assert (row["name"], row["family"], row["tested"]) == ("Gate-Net-v2", "yolox", True)
    assert "passes its self-test" in models("verify", *place)[1]
    assert "removed" in models("remove", "Gate-Net-v2", *place)[1]
    assert list((tmp_path / "store").iterdir()) == []


def test_a_net_that_finds_nothing_is_added_only_as_untested(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(detector())
    place = ("--store", tmp_path / "store")
    status, text = models("add", file, *place)
    assert status == 1
    assert "--untested takes it all the same" in text
    assert not (tmp_path / "store").exists()
    status, text = models("add", file, "--untested", *place)
    assert status == 0
    assert not load_manifest(tmp_path / "store" / "net" / "net.toml").tested
    status, text = models("verify", *place)
    assert status == 0
    assert "untested when added" in text
    assert "untested" in models("list", *place)[1]


def test_a_refused_file_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(detector()[:-1])
    with pytest.raises(ModelRefused, match="cut short"):
        models("add", tmp_path / "net.onnx", "--store", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_model_is_never_replaced(store: ModelStore, tmp_path: Path) -> None:
    put(store, tmp_path)
    with pytest.raises(UsageError, match="exists and is not replaced"):
        put(store, tmp_path)
    with pytest.raises(UsageError, match="exists and is not replaced"):
        models("add", tmp_path / "toy.onnx", "--store", store.folder)


def test_weights_beside_a_model_go_with_it(tmp_path: Path) -> None:
    model = onnx.load_from_string(detector())
    file = tmp_path / "net.onnx"
    onnx.save(model, file, save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    models("add", file, "--untested", "--name", "big", "--store", tmp_path / "store")
    folder = tmp_path / "store" / "big"
    assert (folder / "net.onnx.data").read_bytes() == (tmp_path / "net.onnx.data").read_bytes()
    check = ["sha256sum", "--check", "--quiet", SUMS]
    assert subprocess.run(check, cwd=folder, check=False).returncode == 0
    (folder / "net.onnx.data").write_bytes(b"other")
    status, text = models("verify", "big", "--store", tmp_path / "store")
    assert status == 1
    assert "big: damaged: net.onnx.data: sha256" in text


def test_a_damaged_model_is_told_and_the_others_are_checked(
    store: ModelStore, tmp_path: Path
) -> None:
    put(store, tmp_path, "whole")
    torn = put(store, tmp_path, "torn").with_suffix(".onnx")
    torn.write_bytes(torn.read_bytes()[:-1])
    gone = put(store, tmp_path, "gone").with_suffix(".onnx")
    gone.unlink()
    assert changed_files(store.find("whole")) == []
    status, text = models("verify", "--store", store.folder)
    assert status == 1
    assert "torn: damaged: torn.onnx: sha256" in text
    assert "gone: damaged: gone.onnx: No such file" in text
    assert "whole: failed: " in text  # whole, but a toy sees coloured blobs only


def test_a_manifest_in_the_store_may_be_edited(store: ModelStore, tmp_path: Path) -> None:
    manifest = put(store, tmp_path)
    text = manifest.read_text().replace("score_threshold = 0.5", "score_threshold = 0.35")
    manifest.write_text(text)
    assert changed_files(store.find("toy")) == []
    assert "0.35" in models("list", "--store", store.folder)[1]


def test_a_damaged_manifest_does_not_spoil_the_list(store: ModelStore, tmp_path: Path) -> None:
    put(store, tmp_path, "good")
    put(store, tmp_path, "bad").write_text("name = ")
    assert "damaged" in models("list", "--store", store.folder)[1]
    rows = json.loads(models("list", "--store", store.folder, "--json")[1])
    assert [row["name"] for row in rows if "fault" in row] == ["bad"]


def test_the_model_that_the_site_file_uses_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    manifest = put(ModelStore(state / "models"), tmp_path)
    put(ModelStore(state / "models"), tmp_path, "other")
    site = tmp_path / "site.toml"
    site.write_text(SITE.format(state=state, manifest=manifest))
    assert load(site).model.manifest == manifest
    with pytest.raises(UsageError, match="uses it"):
        models("remove", "other", "toy", "--config", site)
    assert {m.name for m in ModelStore(state / "models").models()} == {"toy", "other"}
    models("remove", "other", "--config", site)
    assert "toy" in models("list", "--config", site)[1]


def test_a_site_file_may_name_a_model_of_the_store(tmp_path: Path) -> None:
    state = tmp_path / "state"
    manifest = put(ModelStore(state / "models"), tmp_path)
    site = tmp_path / "site.toml"
    site.write_text(SITE.format(state=state, manifest="toy"))
    assert load(site).model.manifest == manifest
    with pytest.raises(UsageError, match="uses it"):
        models("remove", "toy", "--config", site)
    site.write_text(SITE.format(state=state, manifest="other"))
    with pytest.raises(ConfigError, match="manifest"):
        load(site)


def test_a_name_that_is_not_there_is_told_with_those_that_are(
    store: ModelStore, tmp_path: Path
) -> None:
    put(store, tmp_path)
    for command in ("remove", "verify"):
        with pytest.raises(UsageError, match=r"no model 'x' in .*; there are: toy"):
            models(command, "x", "--store", store.folder)


def test_an_empty_store_is_no_error(store: ModelStore) -> None:
    assert "no models in" in models("list", "--store", store.folder)[1]
    assert models("verify", "--store", store.folder)[0] == 0


def test_a_file_that_changes_on_the_way_is_not_added(store: ModelStore, tmp_path: Path) -> None:
    file = load_manifest(write_toy_yolox(tmp_path)).file
    with pytest.raises(ModelError, match="changed while it was read; nothing is added"):
        store.add("toy", {"toy.onnx": file}, hashlib.sha256(b"before").hexdigest(), "")
    assert list(store.folder.iterdir()) == []


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"file/toy: .*; nothing is added"):
        put(ModelStore(tmp_path / "file"), tmp_path)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("yolo11n.onnx", "yolo11n"),
        ("Gate Net v2.onnx", "Gate-Net-v2"),
        ("../été.onnx", "t"),  # a folder is no part of it
        (".onnx", "onnx"),
        ("---.onnx", "model"),
        ("a" * 90 + ".onnx", "a" * 63),
    ],
)
def test_a_model_is_called_after_its_file(file: str, name: str) -> None:
    assert name_for(Path(file)) == name


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a b", "x" * 64])
def test_a_name_that_is_no_name_is_refused(store: ModelStore, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a model"):
        store.require_free(name)
