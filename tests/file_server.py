"""A web server on loopback that offers one file, as well or as badly as a test wants."""

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class FileServer:
    """What the server does; tests change it while it runs."""

    content: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    told_size: int | None = None  # another Content-Length than the content's
    statuses: list[int] = field(default_factory=list)  # of the next requests, instead of the file
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    stalls: list[int] = field(default_factory=list)  # bytes after which the next answers wait
    starts: list[int] = field(default_factory=list)  # where the next ranges begin instead
    seen: list[dict[str, str]] = field(default_factory=list)  # the headers of each request
    paths: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    scheme: str = "http"
    port: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/toy.onnx"


@contextmanager
def serve(content: bytes, certificate: Path | None = None) -> Iterator[FileServer]:
    """Run a server of `content` on a free port; TLS where a `certificate` with key is given."""
    state = FileServer(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.seen.append(dict(self.headers))
            state.paths.append(self.path)
            if self.path.endswith("/moved"):
                self.send_response(302)
                self.send_header("Location", state.url)
                self.end_headers()
            elif state.statuses:
                self.send_error(state.statuses.pop(0))
            else:
                _answer(self, state)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        state.scheme = "https"
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, state: FileServer) -> None:
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    held = handler.headers.get("If-Range") in (None, state.etag)
    start = int(asked.group(1)) if asked and state.ranges and held else 0
    whole = len(state.content)
    if asked and start >= whole:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{whole}")
        handler.end_headers()
        return
    if start and state.starts:
        start = state.starts.pop(0)
    body = state.content[start:]
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
    if state.etag:
        handler.send_header("ETag", state.etag)
    length = len(body) if state.told_size is None else state.told_size
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    with suppress(OSError):  # the client went away
        if state.stalls:
            count = state.stalls.pop(0)
            handler.wfile.write(body[:count])
            handler.wfile.flush()
            state.released.wait()
            body = body[count:]
        handler.wfile.write(body[: state.cuts.pop(0)] if state.cuts else body)
