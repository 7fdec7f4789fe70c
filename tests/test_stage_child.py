"""Child processes of the stage: they end with their parent and say why they died."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge_agent.errors import AgentError
from edge_agent.stage.child import answers, free_port, start_child
from edge_agent.stage.site import measured_cores
from tests.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def running(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody collects has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent(tmp_path: Path, death: int) -> None:
    parent_code = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from edge_agent.stage.child import start_child
        command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
        child = start_child("grand child", command, Path({str(tmp_path)!r}))
        child.wait_until(lambda: "up" in child.log.read_text(), 10, "up")
        print(child.pid, flush=True)
        child.process.wait()
    """)
    parent = subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert running(pid)
    parent.send_signal(death)
    parent.wait(10)
    wait_until(lambda: not running(pid), "the child has ended")
    parent.stdout.close()


def test_ctrl_c_reaches_the_parent_alone(tmp_path: Path) -> None:
    child = start_child("sleeper", SLEEP, tmp_path)
    try:
        assert os.getsid(child.pid) == child.pid  # a terminal signals its own session only
    finally:
        child.stop()
    assert not child.alive()


def test_a_dead_child_is_quoted(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('one\\ntwo\\nthree\\nfour\\n'); sys.exit(7)"
    child = start_child("broker x", [sys.executable, "-c", code], tmp_path)
    with pytest.raises(AgentError) as caught:
        child.wait_until(lambda: False, 10, "listening")
    assert str(caught.value) == "broker x: ended with status 7: two | three | four"


def test_a_child_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    child = start_child("broker x", SLEEP, tmp_path)
    try:
        with pytest.raises(AgentError, match="broker x: not listening after 0 s: it said nothing"):
            child.wait_until(lambda: False, 0.05, "listening")
    finally:
        child.stop()


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
    child = start_child("deaf", [sys.executable, "-c", code + "time.sleep(60)"], tmp_path)
    child.wait_until(lambda: "up" in child.log.read_text(), 10, "up")
    child.stop(timeout_s=0.1)
    assert child.process.returncode == -signal.SIGKILL
    child.stop()


def test_a_child_is_pinned_and_its_cpu_counted(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    child = start_child(
        "worker", [sys.executable, "-c", "while True: pass"], tmp_path, cores=[core]
    )
    try:
        child.wait_until(lambda: child.cpu_s() > 0.05, 20, "working")
        assert os.sched_getaffinity(child.pid) == {core}
    finally:
        child.stop()


def test_what_is_measured_has_a_core_of_its_own_where_there_are_two() -> None:
    measured, others = measured_cores()
    assert len(measured) == 1
    assert measured | others == os.sched_getaffinity(0)
    assert not measured & others or len(os.sched_getaffinity(0)) == 1


def test_a_free_port_is_free() -> None:
    port = free_port()
    assert 1024 < port < 65536
    assert not answers(port)
