"""Rendered clips in a folder: made once, whole or not at all, again when they would differ."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from edge_agent.errors import AgentError
from edge_agent.scenes import (
    Hour,
    Order,
    keep_clips,
    kept,
    kept_path,
    missing,
    read_truth,
    scene_named,
    truth_path,
)
from tests.waiting import wait_until

ORDER = Order(scene_named("parked-car"), 1, 0.4, Fraction(10), (160, 90), "h264", Path())


def other(**changes: object) -> Order:
    return dataclasses.replace(ORDER, **changes)


#: Takes minutes.
LONG = other(
    scene=scene_named("street-corner"), seconds=60.0, fps=Fraction(30), wh=(640, 360)
)  # fmt: skip


def test_a_clip_is_rendered_once_with_its_truth_beside_it(tmp_path: Path) -> None:
    orders = [ORDER, other(seed=2)]
    assert missing(orders, tmp_path) == orders
    heard: list[float] = []
    clips = keep_clips(orders, tmp_path, heard.append)
    assert clips == [kept_path(order, tmp_path) for order in orders]
    assert [read_truth(truth_path(clip)).seed for clip in clips] == [1, 2]
    assert heard[-1] == pytest.approx(1.0)
    assert sorted(tmp_path.iterdir()) == sorted([*clips, *map(truth_path, clips)])
    before = [clip.stat().st_mtime_ns for clip in clips]
    assert missing(orders, tmp_path) == []
    keep_clips(orders, tmp_path, lambda done: pytest.fail("it renders again"))
    assert [clip.stat().st_mtime_ns for clip in clips] == before


def test_the_name_tells_everything_that_decides_a_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = dataclasses.replace(ORDER.scene, hour=Hour.NIGHT)
    orders = [
        ORDER, other(seed=2), other(seconds=0.5), other(fps=Fraction(5)), other(wh=(320, 180)),
        other(codec="h265"), other(scene=night), other(scene=scene_named("pan")),
    ]  # fmt: skip
    names = {kept_path(order, tmp_path) for order in orders}
    assert len(names) == len(orders)
    assert kept_path(other(out=tmp_path / "x.mp4"), tmp_path) in names
    assert kept_path(other(seconds=3), tmp_path) == kept_path(other(seconds=3.0), tmp_path)
    monkeypatch.setattr(kept, "renderer", lambda: "another")
    assert kept_path(ORDER, tmp_path) not in names


def test_the_renderer_is_known_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept.renderer()
    for file in kept._HERE.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(kept, "_HERE", tmp_path)
    kept.renderer.cache_clear()
    assert kept.renderer() == before
    (tmp_path / "light.py").write_text("# a change\n")
    kept.renderer.cache_clear()
    assert kept.renderer() != before
    kept.renderer.cache_clear()


def test_what_fails_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    broken = other(codec="vp9")
    with pytest.raises(AgentError, match=r"clip parked-car-.*\.mp4: the process .* status 1; no"):
        keep_clips([broken], tmp_path, lambda done: None)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_processes_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.test_scenes_kept import LONG\n"
        "from edge_agent.scenes import keep_clips\n"
        "if __name__ == '__main__':\n"
        f"    keep_clips([LONG], Path({str(tmp_path)!r}), print)\n"
    )
    script = tmp_path.parent / "render_for_ever.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, "-u", str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        next(line for line in process.stdout if float(line) > 0)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(30) != 0
        wait_until(lambda: not _members(process.pid), "no process of the group")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def _members(group: int) -> list[psutil.Process]:
    """Return the processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and os.getpgid(process.pid) == group:
                found.append(process)
    return found
