"""The outbox's file: its lock, its tables, its versions, and what becomes of a broken one."""

import fcntl
import logging
import os
import sqlite3
import uuid
from pathlib import Path

from edge_agent.errors import StateError

log = logging.getLogger(__name__)

FILE_NAME = "outbox.db"
CORRUPT_NAME = "outbox.corrupt.db"  # the newest broken file; an older one gives way
LOCK_NAME = "agent.lock"
_BUSY_TIMEOUT_S = 5.0
_JOURNAL_LIMIT = 4 * 1024 * 1024

#: One script a version, in order; `user_version` counts how many a file has had. A script is
#: never changed after its release.
MIGRATIONS = (
    """
    CREATE TABLE counter (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      stream_id TEXT NOT NULL,
      next_seq INTEGER NOT NULL,
      row_count INTEGER NOT NULL,
      uptime_ms INTEGER NOT NULL
    );
    CREATE TABLE outbox (
      seq INTEGER PRIMARY KEY,
      uptime_ms INTEGER NOT NULL,
      topic TEXT NOT NULL,
      payload BLOB NOT NULL
    );
    CREATE TABLE waiting (seq INTEGER PRIMARY KEY);
    CREATE TABLE gap (
      first_seq INTEGER PRIMARY KEY,
      last_seq INTEGER NOT NULL,
      reason TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE tally (
      camera TEXT NOT NULL,
      ring TEXT NOT NULL,
      zone TEXT NOT NULL,
      class TEXT NOT NULL,
      count INTEGER NOT NULL,
      PRIMARY KEY (camera, ring, zone, class)
    ) WITHOUT ROWID;
    CREATE TABLE tally_period (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      from_ns INTEGER NOT NULL
    );
    """,
)


class StateLock:
    """An exclusive lock on a state folder, held as long as the process lives or until freed.

    Source: flock(2): the kernel frees it when the process ends, however it ends.
    """

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / LOCK_NAME
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StateError(
                f"state folder {state_dir}: cannot be written ({error.strerror}); "
                "give it to the agent's user or set another state_dir"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise StateError(
                f"state folder {state_dir}: in use by another agent (pid {holder}); stop that one "
                "or set another state_dir"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the folder free."""
        os.close(self._fd)


#: SQLite's words for a file that is itself broken, not for a disk that is full or busy.
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file itself is broken."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def is_unusable(error: sqlite3.Error) -> bool:
    """Whether a file that was just opened is broken, or holds other tables than ours."""
    return is_corrupt(error) or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR


def open_store(path: Path) -> sqlite3.Connection:
    """Open the file, make or migrate its tables.

    Raises: StateError where a newer program wrote it; sqlite3.Error as SQLite has it.
    """
    db = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA journal_size_limit={_JOURNAL_LIMIT}")
        _migrate(db, path)
        _check(db)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StateError(
            f"outbox {path}: written by a newer edge-agent (version {version} of the file, this "
            f"program knows up to {len(MIGRATIONS)}); install that one again or move the file away"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version={number};COMMIT;")
        if number > 1:
            log.info("outbox %s: migrated to version %d", path, number)
    db.execute(
        "INSERT OR IGNORE INTO counter VALUES (1, ?, 1, 0, 0)",
        (uuid.uuid4().hex,),
    )


def _check(db: sqlite3.Connection) -> None:
    """Raise as SQLite does for a broken file where a `seq` would be given twice."""
    (next_seq,) = db.execute("SELECT next_seq FROM counter").fetchone()
    for table in ("outbox", "waiting"):
        (newest,) = db.execute(f"SELECT max(seq) FROM {table}").fetchone()
        if newest is not None and newest >= next_seq:
            error = sqlite3.DatabaseError(f"row {newest} lies beyond the counter {next_seq}")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error


def set_aside(path: Path) -> str:
    """Rename a broken file and its journal; return the new name."""
    target = path.with_name(CORRUPT_NAME)
    if not path.exists():  # done before, when the new file could not be made
        return target.name
    for suffix in ("-wal", "-shm", ""):
        old, new = Path(f"{path}{suffix}"), Path(f"{target}{suffix}")
        if old.exists():
            os.replace(old, new)
        else:
            new.unlink(missing_ok=True)
    return target.name


class Reader:
    """The sender's own view of the rows that wait; sees only what is committed."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
        )
        (self.stream_id,) = self._db.execute("SELECT stream_id FROM counter").fetchone()

    def waiting(self, after_seq: int, limit: int) -> list[tuple[int, str, bytes]]:
        """Return (seq, topic, payload) of the first unacked rows after `after_seq`."""
        return self._db.execute(
            "SELECT seq, topic, payload FROM waiting JOIN outbox USING (seq)"
            " WHERE waiting.seq > ? ORDER BY waiting.seq LIMIT ?",
            (after_seq, limit),
        ).fetchall()

    def close(self) -> None:
        """Close the view."""
        self._db.close()
