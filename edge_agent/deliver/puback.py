"""What a PUBACK's reason code means for a row.

| code | meaning | verdict |
|---|---|---|
| 0x00, 0x10 | success; success without subscribers | acked |
| 0x80, 0x83, 0x91, 0x97 | unspecified, implementation specific, id in use, quota | later |
| 0x87, 0x90, 0x99 | not authorised, topic name or payload format invalid | refused: parked |

Any other code is none that MQTT allows in a PUBACK; paho then ends the connection as malformed,
and the row is sent again over the next one.
Source: OASIS MQTT 5.0, 3.4.2.1 (PUBACK reason codes).
"""

from enum import Enum

_REFUSED = frozenset({0x87, 0x90, 0x99})


class Verdict(Enum):
    """What to do with a row after its PUBACK."""

    ACKED = "acked"
    LATER = "later"
    REFUSED = "refused"


def verdict_of(code: int) -> Verdict:
    """Return the verdict of a reason code."""
    if code < 0x80:
        return Verdict.ACKED
    return Verdict.REFUSED if code in _REFUSED else Verdict.LATER
