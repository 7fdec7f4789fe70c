"""A camera's address: what may be shown of it, and where its credentials go. Pure."""

import re
from urllib.parse import quote, urlsplit

_NETWORK_SCHEMES = ("rtsp", "rtsps")
_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_network(url: str) -> bool:
    """Return whether `url` is an RTSP address; everything else is a file's path."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.lower() in _NETWORK_SCHEMES


def redact_url(text: str) -> str:
    """Return `text`, a URL or a message with URLs in it, without any user name or password.

    What stands between `://` and the last `@` of the same word goes, so that passwords with
    a raw `@`, `#`, `%`, `:` or `/` vanish whole. Where a port is followed by a path with an
    `@`, host and port go with it: too much rather than too little.
    """
    parts = []
    position = 0
    for match in _SCHEME.finditer(text):
        if match.start() < position:
            continue
        parts.append(text[position : match.end()])
        position = match.end() + _credentials_length(text[match.end() :])
    return "".join(parts) + text[position:]


def has_credentials(url: str) -> bool:
    """Return whether `url` may carry a user name or a password, well-formed or not."""
    return redact_url(url) != url


def _credentials_length(rest: str) -> int:
    """Return how many characters after `://` may be credentials, the `@` among them."""
    word = re.split(r"\s", rest, maxsplit=1)[0]
    before, at, _ = word.rpartition("@")
    may_be = bool(at) and (":" in before or not re.search(r"[/?#]", before))
    return len(before) + 1 if may_be else 0


def with_credentials(url: str, username: str | None, password: str | None) -> str:
    """Return `url` with percent-encoded credentials (RFC 3986, 3.2.1); for `av.open` alone."""
    if not username or not is_network(url):
        return url
    scheme, _, rest = url.partition("://")
    secret = "" if password is None else ":" + quote(password, safe="")
    return f"{scheme}://{quote(username, safe='')}{secret}@{rest}"


def host_port(url: str) -> tuple[str, int]:
    """Return the host and port that `url` leads to.

    Raises: ValueError where it names no host or a port outside 1..65535.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{redact_url(url)} names no host")
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme.lower(), 554)


def say_endpoint(url: str, transport: str) -> str:
    """Return where a camera is read, for people: `tcp rtsp://10.0.0.7/101` or `file x.mp4`."""
    return f"{transport} {redact_url(url)}" if is_network(url) else f"file {url}"
