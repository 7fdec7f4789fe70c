#!/usr/bin/python3
"""Serve clips over RTSP, looped in real time with rising timestamps, with GStreamer.

Run with the system's Python, which has the Debian packages python3-gi,
gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and gstreamer1.0-plugins-bad:

    /usr/bin/python3 gst_rtsp_server.py --port 0 --mount street=street.mp4 [--mount …]

Prints `port N` when it serves rtsp://127.0.0.1:N/street, over TCP and UDP. Each viewer gets
a pipeline of its own (a shared one puts all viewers in lockstep), from the clip's beginning.
Imports nothing of this package: the system's Python does not have it.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402, F401

#: Codec -> (what makes whole pictures of it, the payloader's description).
CODECS = {
    "video/x-h264": (
        "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au",
        "h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96",
    ),
    "video/x-h265": (
        "h265parse config-interval=-1 ! video/x-h265,stream-format=byte-stream,alignment=au",
        "h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96",
    ),
    "video/mpeg": (
        "mpeg4videoparse config-interval=-1",
        "rtpmp4vpay name=pay0 pt=96 config-interval=1",
    ),
}


class Clip:
    """A clip's coded pictures in memory: (bytes, pts, dts, duration, delta) each, times in ns."""

    def __init__(self, path: Path) -> None:
        self.kind = _codec_of(path)
        parse, self.payload = CODECS[self.kind]
        pipeline = Gst.parse_launch(
            f'filesrc location="{path}" ! qtdemux name=d d.video_0 ! {parse} '
            "! appsink name=sink sync=false max-buffers=0"
        )
        pipeline.set_state(Gst.State.PLAYING)
        sink = pipeline.get_by_name("sink")
        self.units = []
        self.caps = None
        while (sample := sink.emit("pull-sample")) is not None:
            self.caps = sample.get_caps()
            buffer = sample.get_buffer()
            self.units.append(_unit(buffer))
        pipeline.set_state(Gst.State.NULL)
        if not self.units:
            raise SystemExit(f"{path}: no pictures in it")
        self._straighten()

    def _straighten(self) -> None:
        """Begin at 0 and find the clip's whole length."""
        first = min(unit[1] for unit in self.units)
        known = [unit[3] for unit in self.units if unit[3] != Gst.CLOCK_TIME_NONE]
        step = known[0] if known else Gst.SECOND // 25
        self.length = max(unit[1] for unit in self.units) - first + step
        self.first = first


def _unit(buffer: Any) -> tuple[bytes, int, int, int, bool]:
    delta = bool(buffer.get_flags() & Gst.BufferFlags.DELTA_UNIT)
    dts = buffer.dts if buffer.dts != Gst.CLOCK_TIME_NONE else buffer.pts
    return buffer.extract_dup(0, buffer.get_size()), buffer.pts, dts, buffer.duration, delta


def _codec_of(path: Path) -> str:
    """Return the media type of the clip's first video track."""
    pipeline = Gst.parse_launch(f'filesrc location="{path}" ! qtdemux name=d ! fakesink name=f')
    pipeline.set_state(Gst.State.PAUSED)
    pipeline.get_state(10 * Gst.SECOND)
    caps = pipeline.get_by_name("f").get_static_pad("sink").get_current_caps()
    pipeline.set_state(Gst.State.NULL)
    kind = caps.get_structure(0).get_name() if caps else "nothing"
    if kind not in CODECS:
        raise SystemExit(f"{path}: {kind} is not served; one of {', '.join(CODECS)} is")
    return kind


class Feed:
    """Pushes a clip's pictures into one viewer's pipeline, loop after loop."""

    def __init__(self, clip: Clip, source: Any) -> None:
        self._clip = clip
        self._index = 0
        self._offset = 0
        source.set_property("caps", clip.caps)
        source.connect("need-data", self._push)

    def _push(self, source: Any, _length: int) -> None:
        data, pts, dts, duration, delta = self._clip.units[self._index]
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = pts - self._clip.first + self._offset
        buffer.dts = max(0, dts - self._clip.first + self._offset)
        buffer.duration = duration
        if delta:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._index += 1
        if self._index == len(self._clip.units):
            self._index = 0
            self._offset += self._clip.length
        source.emit("push-buffer", buffer)


class Factory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # gi has no types
    """Makes a pipeline of its own for each viewer."""

    def __init__(self, clip: Clip) -> None:
        super().__init__()
        self._clip = clip
        self.set_shared(False)
        self.set_launch(
            f"( appsrc name=feed format=time block=false max-bytes=200000 ! {clip.payload} )"
        )

        self.connect("media-configure", self._feed)

    def _feed(self, _factory: Any, media: Any) -> None:
        media.feed = Feed(self._clip, media.get_element().get_by_name_recurse_up("feed"))


def main() -> None:
    """Parse the arguments and serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mount", action="append", required=True, metavar="NAME=FILE")
    arguments = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    points = server.get_mount_points()
    for mount in arguments.mount:
        name, _, path = mount.partition("=")
        factory = Factory(Clip(Path(path)))
        points.add_factory(f"/{name}", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {arguments.port} of 127.0.0.1 cannot be listened on")
    GLib.timeout_add_seconds(5, lambda: server.get_session_pool().cleanup() >= 0)
    sys.stdout.write(f"port {server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
