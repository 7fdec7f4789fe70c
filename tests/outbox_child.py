"""A process that writes events in full flow until it is killed or its input ends.

python -m tests.outbox_child STATE_DIR BROKER_URL BOOT_ID
"""

import sys
import threading
from pathlib import Path

from edge_agent.deliver import Identity
from edge_agent.types import EventKind
from tests.outbox_support import delivery, event


def run(state_dir: Path, url: str, boot_id: str) -> None:
    agent = delivery(state_dir, url, identity=Identity("town-gate", "riverside", boot_id))
    agent.start()
    agent.put_state("gate", {"state": "live"})
    sys.stdout.write("started\n")
    sys.stdout.flush()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(0.004):
        for kind in (EventKind.START, EventKind.UPDATE, EventKind.END):
            agent.put(event(kind))
    agent.stop(10)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
