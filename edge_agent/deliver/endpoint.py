"""A broker's address and credentials, and how to say them without the credentials."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.errors import DeliveryError, UsageError
from edge_agent.settings import BrokerSettings

_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker is and who we are there; `str()` never shows the password."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    keepalive_s: int = 30
    connect_timeout_s: float = 10.0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that verifies the broker; files are read anew at each connection.

        Raises: DeliveryError naming the file that cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise DeliveryError(f"broker {self}: CA file {self.ca_file}: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.client_cert_file is not None:
            try:
                context.load_cert_chain(self.client_cert_file, self.client_key_file)
            except OSError as error:
                raise DeliveryError(
                    f"broker {self}: client certificate {self.client_cert_file}: {error}"
                ) from error
        return context


def split_broker_url(url: str) -> tuple[str, int, bool]:
    """Return host, port and whether TLS is used.

    Raises: UsageError where the URL is none of a broker or holds credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"broker URL: {error}; write mqtt://HOST:PORT") from error
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "broker URL: holds credentials, and `ps` would show them to everybody on this "
            "machine; give the user with --username and the password in a file with "
            "--password-file"
        )
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/"):
        raise UsageError(f"broker URL {url!r}: must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")
    return host, port or _PORTS[parts.scheme], parts.scheme == "mqtts"


def endpoint_of(settings: BrokerSettings) -> Endpoint:
    """Return the endpoint that the settings describe. Raises: UsageError."""
    host, port, tls = split_broker_url(settings.url)
    return Endpoint(
        host,
        port,
        tls,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        ca_file=settings.ca_file,
        client_cert_file=settings.client_cert_file,
        client_key_file=settings.client_key_file,
        keepalive_s=settings.keepalive_s,
        connect_timeout_s=settings.connect_timeout_s,
    )
