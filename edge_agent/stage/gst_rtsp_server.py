"""Serve clips over RTSP with GStreamer; run as a file with the system's Python.

    /usr/bin/python3 gst_rtsp_server.py PORT NAME=CLIP.mp4 ...

Imports nothing of this package. Each clip is read once into memory and played to each client
by a pipeline of its own (a shared one puts all clients in lockstep), at real time, with
timestamps that rise over the clip's end. H.264 without B-frames and of constant rate.
Needs python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and -bad.
"""

import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402, F401

_CAPS = "video/x-h264,stream-format=byte-stream,alignment=au"
_READ = f'filesrc location="{{}}" ! qtdemux ! h264parse config-interval=-1 ! {_CAPS} '
_READ += "! appsink name=sink sync=false"
_PLAY = f"( appsrc name=clip format=time caps={_CAPS} ! h264parse ! rtph264pay name=pay0 pt=96 )"


def read_clip(path: str) -> list[tuple[bytes, int]]:
    """Return [(bytes of one picture, duration in ns)] of an MP4 file."""
    pipeline = Gst.parse_launch(_READ.format(path))
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    pictures = []
    while (sample := sink.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        pictures.append((buffer.extract_dup(0, buffer.get_size()), buffer.duration))
    pipeline.set_state(Gst.State.NULL)
    if not pictures:
        raise SystemExit(f"gst_rtsp_server: no H.264 picture in {path}")
    return pictures


class Player:
    """Feeds one client's appsrc; knows where in the clip and on the timeline it stands."""

    def __init__(self, pictures: list[tuple[bytes, int]]) -> None:
        self._pictures = pictures
        self._next = 0
        self._pts = 0

    def feed(self, source: Any, _wanted: int) -> None:
        """Give `source` the next picture; it asks again as long as it has room."""
        data, duration = self._pictures[self._next]
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = buffer.dts = self._pts
        buffer.duration = duration
        self._pts += duration
        self._next = (self._next + 1) % len(self._pictures)
        source.emit("push-buffer", buffer)


def mount(server: Any, name: str, path: str) -> None:
    """Offer the clip at /NAME, a pipeline for each client."""
    pictures = read_clip(path)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_PLAY)
    factory.set_shared(False)

    def configure(_factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("clip")
        player = Player(pictures)
        source.connect("need-data", player.feed)

    factory.connect("media-configure", configure)
    server.get_mount_points().add_factory(f"/{name}", factory)


def main() -> None:
    """Mount the clips that the command line names, and serve."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    for argument in sys.argv[2:]:
        name, _, path = argument.partition("=")
        mount(server, name, path)
    if server.attach(None) == 0:
        raise SystemExit(f"gst_rtsp_server: cannot listen on port {sys.argv[1]}")
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
