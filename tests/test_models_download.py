"""A published file is fetched whole or kept as a part that the next call takes up."""

import fcntl
import hashlib
import random
import resource
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.detect import download
from edge_agent.detect.download import Wanted, fetch
from edge_agent.errors import DownloadError
from tests.file_server import FileServer, serve

CONTENT = random.Random(5).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve(CONTENT) as state:
        yield state


def get(server: FileServer, target: Path, *, url: str | None = None, **options: object) -> bool:
    """Fetch the server's file without waiting between tries."""
    wanted = Wanted(url or server.url, SHA256, len(CONTENT))
    return fetch(wanted, target, wait=lambda _: None, **options)  # type: ignore[arg-type]


def parts(folder: Path) -> dict[str, int]:
    return {file.suffix: file.stat().st_size for file in folder.iterdir()}


def test_a_file_is_fetched_and_nothing_else_is_left(server: FileServer, tmp_path: Path) -> None:
    told: list[int] = []
    target = tmp_path / "new" / "toy.onnx"  # the folder is made
    assert get(server, target, progress=told.append) is True
    assert target.read_bytes() == CONTENT
    assert [file.name for file in target.parent.iterdir()] == ["toy.onnx"]
    assert told[0] == 0
    assert told[-1] == len(CONTENT)
    assert told == sorted(told)


def test_a_file_that_is_there_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "toy.onnx"
    target.write_bytes(CONTENT)
    assert get(server, target) is False
    assert server.seen == []


def test_another_file_of_that_name_is_not_replaced(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "toy.onnx"
    target.write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"exists with sha256 .*another file; it is not rep"):
        get(server, target)
    assert target.read_bytes() == b"mine"
    assert server.seen == []


def test_a_broken_connection_is_taken_up_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [100_000, 50_000]
    assert get(server, tmp_path / "toy.onnx")
    assert [seen.get("Range") for seen in server.seen] == [None, "bytes=100000-", "bytes=150000-"]
    assert [seen.get("If-Range") for seen in server.seen] == [None, '"one"', '"one"']
    assert (tmp_path / "toy.onnx").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [100_000]
    assert get(server, tmp_path / "toy.onnx")
    assert len(server.seen) == 2
    assert (tmp_path / "toy.onnx").read_bytes() == CONTENT


def test_a_later_call_goes_on_from_the_part(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "toy.onnx"
    server.cuts = [120_000, *[0] * 20]
    with pytest.raises(DownloadError, match="120000 of 300000 bytes are kept") as caught:
        get(server, target)
    assert "ended early, 5 times in a row" in str(caught.value)
    assert not target.exists()
    assert parts(tmp_path) == {".part": 120_000, ".etag": 5}
    server.cuts = []
    server.seen.clear()
    assert get(server, target)
    assert [seen["Range"] for seen in server.seen] == ["bytes=120000-"]
    assert target.read_bytes() == CONTENT
    assert parts(tmp_path) == {".onnx": len(CONTENT)}


def test_a_range_that_was_not_asked_for_is_not_put_into_the_part(
    server: FileServer, tmp_path: Path
) -> None:
    server.cuts = [100_000]
    server.starts = [99_000]
    assert get(server, tmp_path / "toy.onnx")
    assert [seen.get("Range") for seen in server.seen] == [None, "bytes=100000-", None]
    assert (tmp_path / "toy.onnx").read_bytes() == CONTENT


def test_progress_makes_the_patience_new(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1000] * 12  # more breaks than tries in a row, but each brings something
    assert get(server, tmp_path / "toy.onnx")


def test_a_changed_etag_brings_the_whole_file(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "toy.onnx"
    server.content, server.etag = CONTENT[::-1], '"old"'
    server.cuts = [100_000, *[0] * 20]
    with pytest.raises(DownloadError):
        get(server, target)
    server.content, server.etag, server.cuts = CONTENT, '"new"', []
    server.seen.clear()
    assert get(server, target)
    assert [seen["If-Range"] for seen in server.seen] == ['"old"']  # one request was enough
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])  # such a tag proves no equal bytes
def test_a_part_of_another_file_is_fetched_anew(
    server: FileServer, tmp_path: Path, etag: str | None
) -> None:
    target = tmp_path / "toy.onnx"
    server.content, server.etag = CONTENT[::-1], etag
    server.cuts = [100_000, *[0] * 20]
    with pytest.raises(DownloadError):
        get(server, target)
    server.content, server.cuts = CONTENT, []
    server.seen.clear()
    assert get(server, target)
    assert [seen.get("Range") for seen in server.seen] == ["bytes=100000-", None]
    assert not any("If-Range" in seen for seen in server.seen)
    assert target.read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_nothing_is_kept(server: FileServer, tmp_path: Path) -> None:
    server.content = CONTENT[::-1]
    with pytest.raises(DownloadError, match=r"the catalogue says .*nothing is kept"):
        get(server, tmp_path / "toy.onnx")
    assert list(tmp_path.iterdir()) == []
    assert len(server.seen) == 1


@pytest.mark.parametrize("size", [299_999, 300_001])
def test_another_length_is_refused_before_it_is_fetched(
    server: FileServer, tmp_path: Path, size: int
) -> None:
    server.told_size = size
    with pytest.raises(DownloadError, match=f"has {size} bytes, the catalogue says 300000"):
        get(server, tmp_path / "toy.onnx")
    assert list(tmp_path.iterdir()) == []


def test_another_length_is_seen_when_a_part_is_taken_up(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "toy.onnx"
    server.etag = None
    server.cuts = [100_000, *[0] * 20]
    with pytest.raises(DownloadError):
        get(server, target)
    server.cuts, server.content = [], CONTENT + b"more"
    with pytest.raises(DownloadError, match="has 300004 bytes"):
        get(server, target)
    server.content = CONTENT[:50_000]  # the part is longer than what is left
    with pytest.raises(DownloadError, match="has 50000 bytes"):
        get(server, target)
    server.content = CONTENT
    assert get(server, target)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "has no such file any more (404)"),
        (410, "has no such file any more (410)"),
        (403, "refuses the file (403)"),
        (401, "wants a password"),
        (407, "write it into HTTPS_PROXY"),
        (418, "answered 418"),
    ],
)
def test_a_server_that_says_no_is_asked_once(
    server: FileServer, tmp_path: Path, status: int, words: str
) -> None:
    server.statuses = [status]
    with pytest.raises(DownloadError) as caught:
        get(server, tmp_path / "toy.onnx")
    assert words in str(caught.value)
    assert server.url in str(caught.value)
    assert len(server.seen) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_busy_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.statuses = [503, 429, 500]
    assert get(server, tmp_path / "toy.onnx")
    assert len(server.seen) == 4


def test_nobody_there_is_told_after_some_tries(server: FileServer, tmp_path: Path) -> None:
    waits: list[float] = []
    wanted = Wanted("http://127.0.0.1:9/toy.onnx", SHA256, len(CONTENT))
    with pytest.raises(DownloadError, match="Connection refused, 5 times in a row"):
        fetch(wanted, tmp_path / "toy.onnx", wait=waits.append)
    assert len(waits) == 4
    assert waits[-1] > waits[0]
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_left_and_asked_again(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_TIMEOUT_S", 0.2)
    server.stalls = [100_000]
    assert get(server, tmp_path / "toy.onnx")
    assert [seen.get("Range") for seen in server.seen] == [None, "bytes=100000-"]


def test_a_redirect_is_followed_with_the_range(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [100_000]
    assert get(server, tmp_path / "toy.onnx", url=server.url.replace("toy.onnx", "moved"))
    assert server.paths == ["/moved", "/toy.onnx"] * 2
    assert server.seen[3]["Range"] == "bytes=100000-"


def test_the_proxy_is_asked_and_no_proxy_goes_past_it(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    assert get(server, tmp_path / "one.onnx", url="http://published.example/toy.onnx")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert get(server, tmp_path / "two.onnx")
    assert server.paths == ["http://published.example/toy.onnx", "/toy.onnx"]


@pytest.mark.system
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs Debian package openssl")
def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "30", "-subj", "/CN=files", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", both, "-out", tmp_path / "server.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_text(both.read_text() + (tmp_path / "server.crt").read_text())
    with serve(CONTENT, both) as server:
        with pytest.raises(DownloadError, match="its certificate is not accepted: self-signed"):
            get(server, tmp_path / "toy.onnx")
        assert server.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.crt"))
        assert get(server, tmp_path / "toy.onnx")


def test_too_little_room_is_told_before_anything_comes(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 100_000))
    with pytest.raises(DownloadError, match=r"0.1 MB are free and 0.3 MB are missing"):
        get(server, tmp_path / "toy.onnx")
    assert server.seen == []


def test_a_disk_that_takes_no_more_keeps_the_part(server: FileServer, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(DownloadError, match="File too large; 200000 of 300000 bytes are kept"):
            get(server, tmp_path / "toy.onnx")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(server.seen) == 1  # to ask again would not help
    assert get(server, tmp_path / "toy.onnx")


def test_a_folder_that_cannot_be_written_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"file/toy.onnx.*cannot be written: File exists"):
        get(server, tmp_path / "file" / "toy.onnx")


def test_two_downloads_of_one_file_do_not_mix(server: FileServer, tmp_path: Path) -> None:
    part = tmp_path / f"toy.onnx.{SHA256[:12]}.part"
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        with pytest.raises(DownloadError, match="another download of the same file is running"):
            get(server, tmp_path / "toy.onnx")
    assert get(server, tmp_path / "toy.onnx")


def test_a_part_that_is_too_long_is_begun_anew(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"toy.onnx.{SHA256[:12]}.part").write_bytes(CONTENT + b"x")
    assert get(server, tmp_path / "toy.onnx")


def test_an_error_shows_no_password(tmp_path: Path) -> None:
    wanted = Wanted("http://me:secret@127.0.0.1:9/toy.onnx", SHA256, len(CONTENT))
    with pytest.raises(DownloadError) as caught:
        fetch(wanted, tmp_path / "toy.onnx", wait=lambda _: None)
    assert "secret" not in str(caught.value)
