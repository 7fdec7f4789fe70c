"""Logs: one line a message on standard error, for people, for the journal or as JSON.

A warning or an error that repeats is written once; then a line says how often it came again,
after 60 s and, while it goes on, after twice as long each time, at most once an hour.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from edge_agent.clock import Clock, SystemClock
from edge_agent.errors import UsageError
from edge_agent.types import Json

_FORMATS = ("text", "json")
_LEVELS = ("debug", "info", "warning", "error")

_FIRST_WINDOW_S = 60.0
_LONGEST_WINDOW_S = 3600.0
_MOST_KEYS = 1000

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: A number that is no part of a word: `10.0` in "10.0 s", not the one in "gate-2".
_NUMBER = re.compile(r"(?<![\w-])\d+(?:\.\d+)?(?![\w-])")

#: Python's level -> the journal's priority. Source: sd-daemon(3), syslog(3).
_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


@dataclass(slots=True)
class _Run:
    """One message that may be repeating."""

    last: logging.LogRecord
    since_ns: int
    window_s: float
    repeats: int = 0


class RepeatFold:
    """Decides which warnings and errors are written, and tells of those that were not."""

    def __init__(self) -> None:
        self._runs: dict[Hashable, _Run] = {}

    def take(self, record: logging.LogRecord, now_ns: int) -> bool:
        """Return whether `record` is to be written now; else it has been counted."""
        if record.levelno < logging.WARNING:
            return True
        key = repeat_key(record)
        run = self._runs.get(key)
        if run is None:
            if len(self._runs) < _MOST_KEYS:
                self._runs[key] = _Run(record, now_ns, _FIRST_WINDOW_S)
            return True
        run.repeats += 1
        run.last = record
        return False

    def due(
        self, now_ns: int, record: logging.LogRecord | None = None, *, everything: bool = False
    ) -> Iterator[logging.LogRecord]:
        """Yield a record for each run that repeated and whose window is over.

        A run that did not repeat is forgotten: its next message is written at once again. So is
        one whose subject has better news in `record`: after "live", "lost" is no repetition.
        """
        relieved = subject_of(record) if record and record.levelno < logging.WARNING else None
        for key, run in list(self._runs.items()):
            passed_s = (now_ns - run.since_ns) / 1e9
            over = relieved == subject_of(run.last)
            if passed_s < run.window_s and not over and not everything:
                continue
            if run.repeats:
                yield with_count(run.last, run.repeats, passed_s)
            if over or not run.repeats:
                del self._runs[key]
                continue
            run.window_s = min(2 * run.window_s, _LONGEST_WINDOW_S)
            run.since_ns = now_ns
            run.repeats = 0


def subject_of(record: logging.LogRecord) -> Hashable:
    """Return whom a record is about: its logger, its camera, and what stands before the `: `."""
    return record.name, getattr(record, "camera", None), record.getMessage().partition(": ")[0]


def repeat_key(record: logging.LogRecord) -> Hashable:
    """Return what makes two records the same message: all but the numbers that vary.

    The subject (what stands before the first `: `) counts as it is, so that camera 1 and
    camera 2 stay apart.
    """
    rest = record.getMessage().partition(": ")[2]
    return subject_of(record), record.levelno, _NUMBER.sub("#", rest)


def with_count(record: logging.LogRecord, repeats: int, passed_s: float) -> logging.LogRecord:
    """Return a copy of `record` that says how often it came again."""
    copy = logging.makeLogRecord(record.__dict__)
    times = "once" if repeats == 1 else f"{repeats} times"
    copy.msg = f"{record.getMessage()} (repeated {times} in {passed_s:.0f} s)"
    copy.args = None
    copy.exc_info = copy.exc_text = copy.stack_info = None
    return copy


class TextLines(logging.Formatter):
    """`2026-11-24T18:02:11.123Z WARNING deliver.mqtt: message`; the journal adds its own time."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and one more for each line of a traceback."""
        name = record.name.removeprefix("edge_agent.")
        head = "" if self._journal else f"{utc_text(record.created)} {record.levelname} "
        lines = [f"{head}{name}: {escape_control(record.getMessage())}"]
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            lines += ["  " + escape_control(line) for line in trace.splitlines()]
        prefix = priority_prefix(record.levelno) if self._journal else ""
        return "\n".join(prefix + line for line in lines)


class JsonLines(logging.Formatter):
    """One JSON object a record: ts, level, logger, message; camera and exception where given."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        entry: dict[str, Json] = {
            "ts": utc_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        camera = getattr(record, "camera", None)
        if camera is not None:
            entry["camera"] = str(camera)
        entry["message"] = record.getMessage()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        prefix = priority_prefix(record.levelno) if self._journal else ""
        return prefix + json.dumps(entry)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each record as its formatter says, and repeated ones as `RepeatFold` says."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        super().__init__(stream)
        self._clock = clock
        self._fold = RepeatFold()

    def emit(self, record: logging.LogRecord) -> None:
        """Write what is due, then `record` unless it repeats one."""
        now_ns = self._clock.mono_ns()
        for summary in self._fold.due(now_ns, record):
            super().emit(summary)
        if self._fold.take(record, now_ns):
            super().emit(record)

    def close(self) -> None:
        """Tell of every repeat that was not told yet."""
        self.acquire()
        try:
            for summary in self._fold.due(self._clock.mono_ns(), everything=True):
                super().emit(summary)
        finally:
            self.release()
        super().close()


def configure_logs(
    format: str = "text",
    level: str = "info",
    *,
    stream: TextIO | None = None,
    clock: Clock | None = None,
) -> LineHandler:
    """Send all logs to `stream` (standard error), replacing what an earlier call set up.

    The agent's own loggers write from `level` on, those of libraries from warning on. Records
    may carry `extra={"camera": id}`. Returns the handler; closing it tells the last repeats.
    Raises: UsageError for a format or level that does not exist.
    """
    for what, word, allowed in (("format", format, _FORMATS), ("level", level, _LEVELS)):
        if word not in allowed:
            raise UsageError(f"logs: {what} {word!r} is unknown; give one of {', '.join(allowed)}")
    stream = stream or sys.stderr
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
        root.removeHandler(old)
        old.close()
    handler = LineHandler(stream, clock or SystemClock())
    lines = JsonLines if format == "json" else TextLines
    handler.setFormatter(lines(journal=journal_reads(stream)))
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("edge_agent").setLevel(level.upper())
    return handler


def journal_reads(stream: TextIO) -> bool:
    """Return whether `stream` is the one that systemd joined to its journal.

    Source: systemd.exec(5), JOURNAL_STREAM: device and inode of the stream, compared because
    children inherit the variable also where their output goes elsewhere.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def priority_prefix(level: int) -> str:
    """Return the journal's priority of a line, such as `<4>` for a warning."""
    fitting = [number for number in _PRIORITY if number <= level]
    return f"<{_PRIORITY[max(fitting)] if fitting else 7}>"


def escape_control(text: str) -> str:
    """Return `text` as one line that cannot steer a terminal: what a camera sends is foreign."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def utc_text(wall_s: float) -> str:
    """Return seconds since 1970 as ISO text in UTC, to the millisecond."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
