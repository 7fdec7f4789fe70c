"""When a sleeping camera must be decoded, and whether that judgement can be trusted. Pure.

`WakeWatch` learns from packet sizes and from a coarse look at each decoded keyframe. It reads
no clock and does no I/O: all times are the stream's own decoding time in ns, rising within a
connection. The reader in `source/` feeds it and does what it says.
"""

from edge_agent.wakeup.audits import AUDIT_S, TRUSTED_AFTER
from edge_agent.wakeup.verdicts import LOOK_WIDTH, Asleep, Fault, FaultWord, Wake, WakeReason
from edge_agent.wakeup.watch import WakeWatch

__all__ = [
    "AUDIT_S",
    "LOOK_WIDTH",
    "TRUSTED_AFTER",
    "Asleep",
    "Fault",
    "FaultWord",
    "Wake",
    "WakeReason",
    "WakeWatch",
]
