"""A process that counts in full flow, without a broker, until it is killed.

python -m tests.counts_child STATE_DIR BOOT_ID
"""

import itertools
import sys
import time
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.deliver import Delivery, Identity
from edge_agent.rules.counting import CountState, count
from edge_agent.settings import BrokerSettings, OutboxSettings
from edge_agent.settings.rings import CountsSettings
from edge_agent.types import EventKind
from tests.outbox_support import CountingMeter, event


def run(state_dir: Path, boot_id: str) -> None:
    agent = Delivery(
        broker=BrokerSettings(url="mqtt://127.0.0.1:9"),
        outbox=OutboxSettings(),
        identity=Identity("town-gate", "riverside", boot_id),
        state_dir=state_dir,
        clock=SystemClock(),
        meter=CountingMeter(),
        counts=CountsSettings(),
    )
    agent.start()
    state = CountState()
    for track_id in itertools.count(1):
        for kind in (EventKind.START, EventKind.UPDATE, EventKind.END):
            state, counted = count(state, event(kind, track_id))
            agent.put(counted)
        time.sleep(0.001)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
