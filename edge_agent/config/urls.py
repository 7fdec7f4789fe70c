"""What is wrong with a URL, in words that never repeat a password."""

import re

from edge_agent.config.problems import shown, shown_url

_PASSWORD_ADVICE = (
    "holds a user name or password, which would show in logs and in ps; "
    "remove it and use the keys username and password_file (an @ of the path is written %40)"
)
_QUERY_SECRET = re.compile(r"(?<![a-z])(?:pass(?:word|wd)?|pwd)=[^&/]", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|\[[0-9A-Fa-f:.]+\]")
_MQTT_PORT, _MQTTS_PORT = 1883, 8883


def is_url(text: str) -> bool:
    """Return whether `text` is a URL, else it is a file's path.

    Something with a colon and later an "@" is taken for a URL with a slip in its beginning:
    as a path it would show its password in a message.
    """
    return "://" in text or re.search(":.*@", text, re.DOTALL) is not None


def holds_credentials(url: str) -> bool:
    """Return whether a user name or password may stand in `url`.

    Raw user names and passwords hold any of `@#?/`, so an "@" counts wherever it stands.
    """
    return "@" in url or _QUERY_SECRET.search(url) is not None


def camera_url_fault(url: str) -> str | None:
    """Return what is wrong with a camera's `rtsp://` or `rtsps://` URL, None where nothing is."""
    if holds_credentials(url):
        return _PASSWORD_ADVICE
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        return f"{shown_url(url)} is not allowed; write the file's path alone, without file://"
    if scheme not in ("rtsp", "rtsps"):
        return (
            f"{shown_url(url)} has the scheme {_shown_scheme(scheme)}; "
            "allowed: rtsp://, rtsps:// or the path of a video file"
        )
    return _authority_fault(url, rest.partition("/")[0].partition("?")[0])


def broker_url_fault(url: str) -> str | None:
    """Return what is wrong with a broker's `mqtt://` or `mqtts://` URL, None where nothing is."""
    if holds_credentials(url):
        return _PASSWORD_ADVICE
    scheme, _, rest = url.partition("://")
    if scheme not in ("mqtt", "mqtts") or "://" not in url:
        return (
            f"{shown(url)} is not allowed; "
            "allowed: mqtt://HOST:PORT or, encrypted, mqtts://HOST:PORT"
        )
    authority, slash, path = rest.partition("/")
    fault = _authority_fault(url, authority)
    if fault:
        return fault
    if slash and path:
        return f"{shown_url(url)} has a path; topics are set with the key topic_root"
    port = _split_port(authority)[1]
    if port and int(port) == (_MQTTS_PORT if scheme == "mqtt" else _MQTT_PORT):
        other = "mqtts" if scheme == "mqtt" else "mqtt"
        return (
            f"{shown_url(url)} has the port of {other}; allowed: {other}://, or a port other "
            f"than {port}"
        )
    return None


def _authority_fault(url: str, authority: str) -> str | None:
    if not url.isprintable() or " " in url:
        return "holds a space or a control character"
    host, port = _split_port(authority)
    if not _HOST.fullmatch(host):
        return f"{shown_url(url)} names no host; allowed: a name or an address after ://"
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        seen = port if re.fullmatch(r"[0-9]{1,10}", port) else "not a number"
        return f"the port is {seen}; allowed: a whole number from 1 to 65535"
    return None


def _split_port(authority: str) -> tuple[str, str | None]:
    """Return host and port, None where no colon follows the host."""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", authority, re.DOTALL)
    return (found.group(1), found.group(2)) if found else (authority, None)


def _shown_scheme(scheme: str) -> str:
    return scheme if re.fullmatch(r"[A-Za-z0-9+.-]{1,20}", scheme) else "of no known kind"
