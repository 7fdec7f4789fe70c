"""The outbox on disk: sequence, acks, versions, locks and broken files."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.deliver import store
from edge_agent.deliver.event_queue import Batch
from edge_agent.deliver.outbox import Settled
from edge_agent.deliver.store import MIGRATIONS, StateLock, open_store
from edge_agent.errors import StateError
from tests.outbox_support import acked, open_outbox, put, rows


def test_a_new_file_begins_with_stream_start_and_counts_from_one(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    put(outbox, 2)
    told = rows(outbox)
    assert [seq for seq, _ in told] == [1, 2, 3]
    assert told[0][1]["kind"] == "stream_start"
    assert told[0][1]["data"] == {"reason": "new", "set_aside": None}
    assert all(body["seq"] == seq for seq, body in told)
    assert len({body["event_id"] for _, body in told}) == 3


def test_the_stream_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = open_outbox(tmp_path)
    put(first, 2)
    first.close()
    again = open_outbox(tmp_path)
    put(again, 1)
    assert again.stream_id == first.stream_id
    assert [seq for seq, _ in rows(again)] == [1, 2, 3, 4]
    assert again.figures.depth == again.figures.rows == 4


def test_a_puback_marks_a_row_and_keeps_it(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    put(outbox, 3)
    done = outbox.commit(Batch(), acked(outbox, 2, 3, 3, 99))
    assert done.acked == 2
    assert [seq for seq, _ in rows(outbox)] == [1, 4]
    assert (outbox.figures.rows, outbox.figures.depth, outbox.figures.acked) == (4, 2, 2)


def test_a_puback_of_another_stream_settles_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.commit(Batch(), [Settled("another", 1, acked=True)])
    assert outbox.figures.depth == 1


def test_a_second_process_is_kept_out_and_told_the_pid(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from edge_agent.deliver.store import StateLock;"
            "lock = StateLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateError, match=f"in use by another agent \\(pid {holder.pid}\\)"):
            StateLock(tmp_path)
    finally:
        holder.kill()
        holder.communicate()
    StateLock(tmp_path).release()  # free as soon as the process is gone


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        StateLock(tmp_path / "file" / "state")


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.close()
    db = sqlite3.connect(outbox.path)
    db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    db.close()
    before = outbox.path.read_bytes()
    with pytest.raises(StateError, match="written by a newer edge-agent"):
        open_outbox(tmp_path)
    assert outbox.path.read_bytes() == before


#: The first released file, as it was: it must open for ever.
VERSION_1 = """
CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), stream_id TEXT NOT NULL,
  next_seq INTEGER NOT NULL, row_count INTEGER NOT NULL, uptime_ms INTEGER NOT NULL);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, uptime_ms INTEGER NOT NULL, topic TEXT NOT NULL,
  payload BLOB NOT NULL);
CREATE TABLE waiting (seq INTEGER PRIMARY KEY);
CREATE TABLE gap (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, reason TEXT NOT NULL);
INSERT INTO counter VALUES (1, 'old-stream', 3, 2, 5000);
INSERT INTO outbox VALUES (1, 10, 'edge/v1/s/a/events/info/-/-/-/stream_start', x'7b7d');
INSERT INTO outbox VALUES (2, 20, 'edge/v1/s/a/events/info/-/-/-/birth', x'7b7d');
INSERT INTO waiting VALUES (2);
PRAGMA user_version=1;
"""


def test_a_file_of_version_1_opens_and_goes_on(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "outbox.db")
    db.executescript(VERSION_1)
    db.close()
    outbox = open_outbox(tmp_path)
    put(outbox, 1)
    assert outbox.stream_id == "old-stream"
    assert [seq for seq, _ in rows(outbox)] == [2, 3]
    assert outbox.uptime_ms() >= 5000


def test_an_empty_file_of_version_0_becomes_a_new_stream(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").touch()
    assert rows(open_outbox(tmp_path))[0][1]["data"]["reason"] == "new"


def test_a_migration_runs_once_and_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path)
    put(outbox, 1)
    outbox.close()
    broken = "ALTER TABLE outbox ADD COLUMN note TEXT; SELECT no_such_function()"
    monkeypatch.setattr(store, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        open_store(outbox.path)
    good = "ALTER TABLE outbox ADD COLUMN note TEXT"
    monkeypatch.setattr(store, "MIGRATIONS", (*MIGRATIONS, good))
    for _ in range(2):
        db = open_store(outbox.path)
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert db.execute("SELECT count(note), count(*) FROM outbox").fetchone() == (0, 2)
        db.close()


@pytest.mark.parametrize("damage", ["garbage", "counter behind", "other tables"])
def test_a_broken_file_is_set_aside_and_a_new_stream_says_so(tmp_path: Path, damage: str) -> None:
    old = open_outbox(tmp_path)
    put(old, 3)
    old.close()
    if damage == "garbage":
        old.path.write_bytes(os.urandom(8192))
    else:
        db = sqlite3.connect(old.path)
        if damage == "counter behind":
            db.execute("UPDATE counter SET next_seq = 2")
        else:
            db.execute("DROP TABLE waiting")
        db.commit()
        db.close()
    broken = old.path.read_bytes()

    outbox = open_outbox(tmp_path)

    ((seq, start),) = rows(outbox)
    assert seq == 1
    assert outbox.stream_id != old.stream_id
    assert start["data"] == {"reason": "corrupt", "set_aside": "outbox.corrupt.db"}
    assert start["severity"] == "warning"
    assert (tmp_path / "outbox.corrupt.db").read_bytes() == broken


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
