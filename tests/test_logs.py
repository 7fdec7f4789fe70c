"""Logs: one line a message, priorities for the journal, JSON, repeats folded into a count."""

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.clock import ManualClock
from edge_agent.errors import UsageError
from edge_agent.health.logs import (
    JsonLines,
    LineHandler,
    TextLines,
    configure_logs,
    escape_control,
    journal_reads,
    priority_prefix,
    repeat_key,
)


def record_of(
    text: str, *args: object, level: int = logging.WARNING, camera: str | None = None
) -> logging.LogRecord:
    record = logging.LogRecord("edge_agent.source.rtsp", level, __file__, 1, text, args, None)
    record.created = 1_795_478_400.123
    if camera is not None:
        record.camera = camera
    return record


@pytest.fixture
def written() -> Iterator[tuple[LineHandler, ManualClock, io.StringIO]]:
    stream, clock = io.StringIO(), ManualClock()
    handler = LineHandler(stream, clock)
    handler.setFormatter(logging.Formatter("%(message)s"))
    yield handler, clock, stream
    handler.close()


def test_a_text_line_has_time_level_logger_and_message() -> None:
    line = TextLines().format(record_of("camera %s: lost", "gate"))
    assert line == "2026-11-24T00:00:00.123Z WARNING source.rtsp: camera gate: lost"


def test_the_journal_gets_a_priority_and_no_time() -> None:
    line = TextLines(journal=True).format(record_of("broker: gone", level=logging.ERROR))
    assert line == "<3>source.rtsp: broker: gone"


@pytest.mark.parametrize(
    ("level", "prefix"),
    [
        (logging.DEBUG, "<7>"),
        (logging.INFO, "<6>"),
        (logging.INFO + 5, "<6>"),
        (logging.WARNING, "<4>"),
        (logging.ERROR, "<3>"),
        (logging.CRITICAL, "<3>"),
        (1, "<7>"),
    ],
)
def test_priorities(level: int, prefix: str) -> None:
    assert priority_prefix(level) == prefix


def test_a_json_line_names_the_camera() -> None:
    entry = json.loads(JsonLines().format(record_of("camera gate: lost", camera="gate")))
    assert entry == {
        "ts": "2026-11-24T00:00:00.123Z",
        "level": "warning",
        "logger": "edge_agent.source.rtsp",
        "camera": "gate",
        "message": "camera gate: lost",
    }


def test_without_a_camera_json_has_no_such_key() -> None:
    assert "camera" not in json.loads(JsonLines().format(record_of("outbox: full")))


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_foreign_text_stays_one_harmless_line(lines: logging.Formatter) -> None:
    line = lines.format(record_of("camera gate: server is 'evil\r\n<0>\x1b[2J\x9b1m\u2028x'"))
    assert line.isprintable()


def test_control_characters_are_spelled_out_and_words_kept() -> None:
    assert escape_control("a\tb\x1b 城郊") == "a\\tb\\x1b 城郊"


@pytest.mark.parametrize("journal", [False, True])
def test_a_traceback_follows_line_by_line(journal: bool) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = record_of("lane 0: failed", level=logging.ERROR)
        record.exc_info = sys.exc_info()
    lines = TextLines(journal=journal).format(record).splitlines()
    assert len(lines) > 2
    assert all(line.startswith("<3>") for line in lines) is journal
    assert "ValueError: two" in json.loads(JsonLines().format(record))["exception"]


def test_a_repeated_warning_is_written_once_and_then_with_a_count(
    written: tuple[LineHandler, ManualClock, io.StringIO],
) -> None:
    handler, clock, stream = written
    for attempt in range(42):
        wait_s = 0.5 + attempt / 10
        handler.handle(
            record_of("camera gate: refused (connection %d); next in %.1f s", attempt, wait_s)
        )
    assert stream.getvalue().splitlines() == ["camera gate: refused (connection 0); next in 0.5 s"]
    clock.advance(60)
    handler.handle(record_of("camera gate: live", level=logging.INFO))
    assert stream.getvalue().splitlines()[1:] == [
        "camera gate: refused (connection 41); next in 4.6 s (repeated 41 times in 60 s)",
        "camera gate: live",
    ]


def test_while_it_goes_on_the_counts_come_further_apart(
    written: tuple[LineHandler, ManualClock, io.StringIO],
) -> None:
    handler, clock, stream = written
    for _ in range(3 * 3600):
        handler.handle(record_of("broker: refused"))
        clock.advance(1)
    windows = [line.partition(" in ")[2] for line in stream.getvalue().splitlines()[1:]]
    assert windows == ["60 s)", "120 s)", "240 s)", "480 s)", "960 s)", "1920 s)", "3600 s)"]


def test_after_a_quiet_window_it_is_news_again(
    written: tuple[LineHandler, ManualClock, io.StringIO],
) -> None:
    handler, clock, stream = written
    for _ in range(2):
        handler.handle(record_of("broker: refused"))
        clock.advance(61)
    assert stream.getvalue().splitlines() == ["broker: refused", "broker: refused"]


def test_better_news_of_a_subject_end_its_repetition(
    written: tuple[LineHandler, ManualClock, io.StringIO],
) -> None:
    handler, clock, stream = written
    for text, level in [
        ("camera gate: lost", logging.WARNING),
        ("camera gate: lost", logging.WARNING),
        ("camera yard: live", logging.INFO),  # another's news change nothing
        ("camera gate: live", logging.INFO),
        ("camera gate: lost", logging.WARNING),
    ]:
        handler.handle(record_of(text, level=level))
        clock.advance(1)
    assert stream.getvalue().splitlines() == [
        "camera gate: lost",
        "camera yard: live",
        "camera gate: lost (repeated once in 3 s)",
        "camera gate: live",
        "camera gate: lost",
    ]


def test_closing_tells_what_was_not_told(
    written: tuple[LineHandler, ManualClock, io.StringIO],
) -> None:
    handler, clock, stream = written
    handler.handle(record_of("broker: refused"))
    clock.advance(5)
    handler.handle(record_of("broker: refused"))
    handler.close()
    assert stream.getvalue().splitlines()[1:] == ["broker: refused (repeated once in 5 s)"]


def test_information_is_never_folded(
    written: tuple[LineHandler, ManualClock, io.StringIO],
) -> None:
    handler, _, stream = written
    for _ in range(3):
        handler.handle(record_of("camera gate: live", level=logging.INFO))
    assert len(stream.getvalue().splitlines()) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("camera gate: no frame for 10.0 s", "camera gate: no frame for 11.5 s", True),
        ("camera gate-1: no frame for 10.0 s", "camera gate-2: no frame for 10.0 s", False),
        ("camera 1: no frame for 10.0 s", "camera 2: no frame for 10.0 s", False),
        ("camera gate: refused (401)", "camera gate: no frame", False),
        ("model: input f32", "model: input f16", False),
    ],
)
def test_what_counts_as_the_same_message(one: str, other: str, same: bool) -> None:
    assert (repeat_key(record_of(one)) == repeat_key(record_of(other))) is same


def test_level_and_camera_keep_messages_apart() -> None:
    keys = {
        repeat_key(record_of("lost")),
        repeat_key(record_of("lost", level=logging.ERROR)),
        repeat_key(record_of("lost", camera="a")),
        repeat_key(record_of("lost", camera="b")),
    }
    assert len(keys) == 4


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("edge_agent")
    before = list(root.handlers), root.level, own.level
    yield
    for handler in set(root.handlers) - set(before[0]):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(before[1])
    own.setLevel(before[2])


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize(("log_format", "level"), [("xml", "info"), ("text", "loud")])
def test_an_unknown_format_or_level_is_refused(log_format: str, level: str) -> None:
    with pytest.raises(UsageError, match="give one of"):
        configure_logs(log_format, level)


@pytest.mark.usefixtures("restored_logging")
def test_configuring_sets_levels_and_replaces_what_was_there() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logs("text", "debug", stream=first)
    handler = configure_logs("json", "info", stream=second)
    own = logging.getLogger("edge_agent.deliver.mqtt")
    own.debug("not asked for")
    own.info("connected", extra={"camera": "gate"})
    logging.getLogger("paho").info("a library's chatter")
    assert first.getvalue() == ""
    assert [json.loads(line)["message"] for line in second.getvalue().splitlines()] == ["connected"]
    assert [h for h in logging.getLogger().handlers if isinstance(h, LineHandler)] == [handler]


def test_the_journal_is_recognised_by_device_and_inode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w") as journal, (tmp_path / "file").open("w") as file:
        status = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert journal_reads(journal)
        assert not journal_reads(file)
        assert not journal_reads(io.StringIO())
        monkeypatch.delenv("JOURNAL_STREAM")
        assert not journal_reads(journal)
