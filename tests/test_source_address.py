"""Addresses: what is shown never holds a credential, what is opened holds it encoded."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.source.address import (
    has_credentials,
    host_port,
    is_network,
    redact_url,
    say_endpoint,
    with_credentials,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://10.0.0.7:8554/a?b=c#d", "rtsp://10.0.0.7:8554/a?b=c#d"),
        ("rtsp://admin:secret@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://admin@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://admin:p@ss@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://admin:p#ss@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://admin:p%23:s@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://admin:p/ss@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://admin:p?ss@10.0.0.7/101", "rtsp://10.0.0.7/101"),
        ("rtsp://10.0.0.7/cam@2", "rtsp://10.0.0.7/cam@2"),
        ("rtsps://u:p@[fe80::1]:322/x", "rtsps://[fe80::1]:322/x"),
        ("RTSP://u:p@host/x", "RTSP://host/x"),
        ("[Errno 1] no: 'rtsp://u:p@h/x' and http://a:b@c/", "[Errno 1] no: 'rtsp://h/x' and http://c/"),
        ("/media/clip@home.mp4", "/media/clip@home.mp4"),
        ("", ""),
    ],
)  # fmt: skip
def test_redact_url(text: str, shown: str) -> None:
    assert redact_url(text) == shown
    assert has_credentials(text) is (text != shown)


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(password=WORDS.map(lambda text: f"S3{text}S3"))
def test_no_password_gets_through_however_it_is_written(password: str) -> None:
    for url in (
        f"rtsp://admin:{password}@10.0.0.7/101",
        with_credentials("rtsp://10.0.0.7/101", "admin", password),
    ):
        shown = redact_url(f"cannot open {url} now")
        assert shown == "cannot open rtsp://10.0.0.7/101 now"


@given(username=WORDS, password=WORDS)
def test_credentials_come_out_of_the_url_as_they_went_in(username: str, password: str) -> None:
    parts = urlsplit(with_credentials("rtsp://10.0.0.7:8554/101", username, password))
    assert (parts.hostname, parts.port, parts.path) == ("10.0.0.7", 8554, "/101")
    assert unquote(parts.username or "") == username
    assert unquote(parts.password or "") == password


def test_credentials_are_only_added_to_network_addresses() -> None:
    assert with_credentials("/clip.mp4", "a", "b") == "/clip.mp4"
    assert with_credentials("rtsp://h/x", None, "b") == "rtsp://h/x"
    assert with_credentials("rtsp://h/x", "a", None) == "rtsp://a@h/x"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://10.0.0.7/x", ("10.0.0.7", 554)),
        ("rtsps://cam.example/x", ("cam.example", 322)),
        ("rtsp://[::1]:8554/x", ("::1", 8554)),
        ("rtsp://10.0.0.7/cam@2", ("10.0.0.7", 554)),
    ],
)
def test_host_port(url: str, expected: tuple[str, int]) -> None:
    assert host_port(url) == expected


@pytest.mark.parametrize("url", ["rtsp:///x", "rtsp://host:99999/x"])
def test_an_address_without_host_or_port_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - two texts, ours and urllib's
        host_port(url)


def test_what_is_a_network_address() -> None:
    assert is_network("rtsp://h/x")
    assert is_network("RTSPS://h/x")
    assert not is_network("/a/b.mp4")
    assert not is_network("rtsp:/h/x")


def test_endpoints_for_people() -> None:
    assert say_endpoint("rtsp://u:p@h/x", "udp") == "udp rtsp://h/x"
    assert say_endpoint("/a/b.mp4", "udp") == "file /a/b.mp4"
