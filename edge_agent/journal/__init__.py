"""The tracks that the agent keeps: what moved where, without pictures, bounded on disk.

A folder of numbered segments. Each begins with a line of JSON and goes on in blocks that carry
their length and checksum, so what a power cut tore off is recognised and passed over.
`docs/replay.md` says what is kept, for how long, and how to read it again.
"""

from edge_agent.journal.journal import TrackJournal
from edge_agent.journal.reading import Kept, Recording, open_recording
from edge_agent.journal.records import Head, KeptBoot, KeptChange, KeptMove
from edge_agent.journal.segments import SUFFIX
from edge_agent.journal.track_file import TrackFile

__all__ = [
    "SUFFIX",
    "Head",
    "Kept",
    "KeptBoot",
    "KeptChange",
    "KeptMove",
    "Recording",
    "TrackFile",
    "TrackJournal",
    "open_recording",
]
