"""`edge-agent watch`: what a person and a pipe see."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands.event_table import EventTable
from edge_agent.commands.watch import watch_filters
from edge_agent.contract import encode_agent_state, encode_event, parse_message
from edge_agent.errors import UsageError
from edge_agent.types import Envelope, Event, EventKind, Layer, Ring, Severity
from tests.brokers import REPO, Mosquitto, mosquitto, needs_mosquitto
from tests.outbox_support import WALL_NS, delivery, event
from tests.waiting import wait_until

ENVELOPE = Envelope("e", "a", "s", "b", "st", 1)
EDGE_AGENT = (sys.executable, "-m", "edge_agent")


def shown(table: EventTable) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_shows_the_last_rows_and_counts_all() -> None:
    table = EventTable(2)
    for n, kind in enumerate((EventKind.START, EventKind.UPDATE, EventKind.END)):
        message = parse_message(*encode_event(event(kind, 1, 2), ENVELOPE))
        table.add(message, received_wall_ns=WALL_NS + (n + 1) * 10_000_000)
    lines = shown(table).splitlines()
    assert lines[0].split() == [
        "time", "camera", "ring", "layer", "kind", "class", "score", "latency",
    ]  # fmt: skip
    assert [line.split()[4] for line in lines[1:3]] == ["update", "end"]
    assert lines[2].split()[1:] == [
        "gate", "suburban", "checkpoint", "end", "car", "×2", "0.88", "30", "ms",
    ]  # fmt: skip
    assert "3 events" in lines[3]


def test_states_are_no_events_and_agent_wide_ones_show_dashes() -> None:
    table = EventTable()
    state = encode_agent_state(ENVELOPE, online=True, reason="running", version="1")
    assert table.add(parse_message(*state)) is None
    lost = {"count": 1, "by_kind": {"end": 1}}
    agent_wide = Event(EventKind.LOST_BEFORE_COMMIT, Severity.WARNING, WALL_NS, True, data=lost)
    row = table.add(parse_message(*encode_event(agent_wide, ENVELOPE)), received_wall_ns=WALL_NS)
    assert row is not None
    assert row.line().split("  ")[1:] == [
        "-", "-", "-", "lost_before_commit", "-", "-", "0 ms", "warning",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "filters"),
    [
        ((None, None, None, None), ["r/+/+/events/+/+/+/+/+", "r/+/+/gaps"]),
        ((Ring.URBAN, None, None, None), ["r/+/+/events/+/urban/+/+/+"]),
        ((None, Layer.UAV, "gate", EventKind.END), ["r/+/+/events/+/+/uav/gate/end"]),
        ((None, None, None, EventKind.GAP), ["r/+/+/gaps"]),
        ((None, None, None, EventKind.STATS), ["r/+/+/events/+/+/+/+/stats"]),
    ],
)
def test_choices_become_topic_filters(choice: tuple, filters: list[str]) -> None:
    assert watch_filters("r", *choice) == filters


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--broker", "mqtt://me:secret@h"], "`ps` would show them"),
        (["--broker", "h"], "must be mqtt://"),
        (["--password-file", "x"], "needs --username"),
        (["--username", "me", "--password-file", "/no/such"], "No such file"),
        (["--ca-file", "x"], "write mqtts://"),
    ],
)
def test_a_command_line_that_cannot_work_ends_with_2(arguments: list[str], words: str) -> None:
    for name in ("watch", "verify"):
        result = CliRunner().invoke(app, [name, *arguments])
        assert isinstance(result.exception, UsageError)
        assert result.exception.exit_status == 2
        assert words in str(result.exception)
        assert "secret" not in str(result.exception)


def watch(broker: Mosquitto, *arguments: str) -> subprocess.Popen[str]:
    """Start `watch` and wait until it is subscribed."""
    process = subprocess.Popen(
        [*EDGE_AGENT, "watch", "--broker", broker.url, *arguments],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "connected" in process.stderr.readline()
    return process


def put_examples(folder: Path, url: str) -> None:
    agent = delivery(folder, url)
    agent.start()
    before = agent.snapshot()["outbox"]["last_seq"]
    agent.put(event(EventKind.START, camera="gate"))
    agent.put(event(EventKind.START, camera="yard"))
    agent.put(event(EventKind.END, camera="gate"))
    wait_until(lambda: agent.snapshot()["outbox"]["acked"] == before + 3, "sent")
    agent.stop(5)


@pytest.mark.system
@needs_mosquitto
def test_json_gives_one_payload_a_line_of_what_was_asked_for(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker:
        process = watch(broker, "--json", "--camera", "gate", "--count", "2")
        put_examples(tmp_path / "s", broker.url)
        out, _ = process.communicate(timeout=15)
        assert process.returncode == 0
        bodies = [json.loads(line) for line in out.splitlines()]
        assert [(b["camera_id"], b["kind"]) for b in bodies] == [("gate", "start"), ("gate", "end")]


@pytest.mark.system
@needs_mosquitto
def test_a_pipe_gets_plain_lines_through_a_restart_until_ctrl_c(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker:
        process = watch(broker)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            put_examples(tmp_path / "s", broker.url)
            lines = [process.stdout.readline() for _ in range(4)]
            assert [line.split("  ")[4] for line in lines] == [
                "stream_start",
                "start",
                "start",
                "end",
            ]
            assert "\x1b" not in "".join(lines)
            broker.stop()
            assert "reconnecting in" in process.stderr.readline()
            broker.start()
            while "connected, new session" not in process.stderr.readline():
                assert process.poll() is None
            put_examples(tmp_path / "s", broker.url)
            assert process.stdout.readline().split("  ")[4] == "start"
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)
            assert process.returncode == 0
        finally:
            process.kill()
            process.communicate()


@pytest.mark.system
@needs_mosquitto
def test_seconds_end_it(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker:
        process = watch(broker, "--seconds", "0.3")
        out, _ = process.communicate(timeout=15)
        assert (process.returncode, out) == (0, "")
