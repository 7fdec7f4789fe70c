"""Serve a folder of clips over RTSP/TCP from pure Python; run as a file.

    python -P pip_rtsp_server.py FOLDER PORT

Each client has a timeline of its own that rises over the clip's end, as long as the clip has
no B-frames and the client asks for `NAME.mp4/play_count_0`. Built on aio-rtsp-toolkit, whose
own command line would bind a control port besides.
"""

import asyncio
import sys

from aio_rtsp_toolkit.server import serve

_SESSION_TIMEOUT_S = 3600

if __name__ == "__main__":
    folder, port = sys.argv[1], int(sys.argv[2])
    asyncio.run(
        serve(folder, host="127.0.0.1", port=port, session_timeout=_SESSION_TIMEOUT_S),
    )
