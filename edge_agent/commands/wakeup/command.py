"""`edge-agent bench-wakeup`: what decoding on demand finds and misses, and what it saves.

Each cell is a clip that is read by the agent's own reader twice over: once with `always`, and
with `on_demand`, in two rounds with one watch, so that the second shows a camera that knows its
scene. Both analyse the same points of the pts grid, and the detector sees each frame only once.
"""

import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import av
import cv2
import typer

from edge_agent.commands.wakeup.cells import CELLS, Cell, prepare
from edge_agent.commands.wakeup.finder import Finder, open_finder
from edge_agent.commands.wakeup.score import judge, unseen_share
from edge_agent.commands.wakeup.table import Line, sum_table, sums, table
from edge_agent.commands.wakeup.trial import HeardWatch, Trial, run_always, run_on_demand
from edge_agent.detect.detector import OnnxDetector, open_detector
from edge_agent.errors import UsageError
from edge_agent.settings import Plan
from edge_agent.source.picture import AvPicture
from edge_agent.stage.clips import cache_folder
from edge_agent.stage.site import SHARED_MEDIA, SHARED_MODEL, find_beside, write_manifest
from edge_agent.types import ClockSource, Frame, FrameRef
from edge_agent.wakeup import TRUSTED_AFTER

_FPS = 5.0
#: The default of 10 s would leave nothing of a one-minute clip to sleep in.
_QUIET_S = 3.0
_ROUNDS = 2
_SEED = 7  # of the audits


@dataclass(frozen=True, slots=True)
class Bench:
    """What every cell needs."""

    model: Path
    media: Path
    folder: Path
    image_ms: float  # CPU of one frame's scaling and inference
    trusted: bool = False  # as if the audits that trust needs had been held


def command(
    only: Annotated[
        list[str] | None, typer.Option(help="Only cells whose name contains this.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=16)] = 2,
    trusted: Annotated[
        bool,
        typer.Option(help="As if five audits had missed nothing: a look each 9 s may do."),
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every line.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables.")] = None,
) -> None:
    """Judge `on_demand` against `always` on the same frames; ends with the sums."""
    model, media = find_beside(SHARED_MODEL), find_beside(SHARED_MEDIA)
    if model is None or media is None:
        raise UsageError(
            f"bench-wakeup: needs {SHARED_MODEL} and {SHARED_MEDIA} in a folder above this one"
        )
    cells = [cell for cell in CELLS if not only or any(word in cell.name for word in only)]
    if not cells:
        raise UsageError(f"bench-wakeup: no cell is named like {', '.join(only or [])}")
    bench = Bench(model, media, cache_folder(), _image_ms(model, media), trusted)
    print(f"{len(cells)} cells; one frame takes {bench.image_ms:.1f} ms of CPU to analyse")
    lines: list[Line] = []
    for some in _run_all(bench, cells, processes):
        lines += some
        for line in some:
            print(line.row(), flush=True)
    places = {cell.name: index for index, cell in enumerate(CELLS)}
    lines.sort(key=lambda line: (places[line.cell], line.round))
    text = f"{sum_table(lines)}\n\n{table(lines)}\n"
    print(sum_table(lines))
    if markdown is not None:
        markdown.write_text(text)
    if json_file is not None:
        told = {
            "image_ms": bench.image_ms,
            "sums": sums(lines),
            "lines": [asdict(line) for line in lines],
        }
        json_file.write_text(json.dumps(told, indent=1) + "\n")


def _run_all(bench: Bench, cells: Sequence[Cell], processes: int) -> Iterator[list[Line]]:
    """Yield each place's lines; the cells of a place share the making of their clips."""
    by_place: dict[str, list[Cell]] = {}
    for cell in cells:
        by_place.setdefault(cell.place, []).append(cell)
    order = sorted(by_place.values(), key=len, reverse=True)
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for future in [pool.submit(run_place, bench, some) for some in order]:
            yield future.result()


def run_place(bench: Bench, cells: list[Cell]) -> list[Line]:
    """Return the lines of one place's cells. Raises: AgentError."""
    cv2.setNumThreads(1)
    clips = prepare(cells[0].place, cells, bench.media, bench.folder)
    detector = _detector(bench.model)
    lines: list[Line] = []
    for cell in cells:
        finder = open_finder(clips[cell], bench.model, _FPS, detector)
        lines += run_cell(bench, cell, clips[cell], finder)
    return lines


def run_cell(bench: Bench, cell: Cell, clip: Path, finder: Finder) -> list[Line]:
    """Return a cell's lines, one a round. Raises: AgentError."""
    full = run_always(clip, finder, _FPS)
    finder.save()
    lines, audits, misses = [], TRUSTED_AFTER if bench.trusted else 0, 0
    watch = HeardWatch(_QUIET_S, random.Random(_SEED), audits=audits)
    for number in range(1, _ROUNDS + 1):
        got = run_on_demand(clip, finder, _FPS, watch)
        lines.append(_line(bench, cell, number, full, got, (audits, misses)))
        audits, misses = got.report["audits"], got.report["misses"]
    return lines


def _line(
    bench: Bench, cell: Cell, number: int, full: Trial, got: Trial, before: tuple[int, int]
) -> Line:
    tracks = judge(full, got)
    asleep = [track for track in tracks if track.began_asleep]
    woken = [wake for wake in got.wakes if wake.reason != "audit"]
    received = got.counts["frames_received"]
    decoded = got.counts["frames_decoded"] + got.counts["keyframes_looked"]
    report, share = got.report, got.report["miss_share"]
    return Line(
        cell=cell.name,
        rate=cell.encoding.rate,
        round=number,
        tracks=len(tracks),
        found=sum(track.found for track in tracks),
        begun_asleep=len(asleep),
        found_asleep=sum(track.found for track in asleep),
        delays_s=tuple(track.delay_s for track in tracks if track.delay_s is not None),
        wakes=len(woken),
        false_wakes=sum(not wake.moved for wake in woken),
        asleep_share=got.asleep_s / got.length_s,
        saved_share=1 - decoded / received,
        cpu_ratio=_cpu_ms(bench, got) / _cpu_ms(bench, full),
        audits=report["audits"] - before[0],
        misses=report["misses"] - before[1],
        miss_share=None if share is None else (share, *report["miss_share_interval"]),
        true_miss_share=unseen_share(full, got),
        says=f"{report['rate_control']}; {report['reason']}",
    )


def _cpu_ms(bench: Bench, trial: Trial) -> float:
    return trial.reading_ns / 1e6 + len(trial.tracks) * bench.image_ms


def _detector(model: Path) -> OnnxDetector:
    with TemporaryDirectory(prefix="edge-agent-wakeup-") as folder:
        plan = Plan(lanes=1, threads=1, batch=1)
        return open_detector(write_manifest(Path(folder), model), plan=plan, provider="cpu")


def _image_ms(model: Path, media: Path) -> float:
    """Return the CPU that one frame of the footage takes to be analysed, the median of 15."""
    detector = _detector(model)
    with av.open(str(media / "motorway_640x360.mp4")) as container:
        picture = next(container.decode(video=0))
    ref = FrameRef("cell", 1, 0, 0, 0, 0, ClockSource.ARRIVAL, True, (640, 360))
    taken = []
    for _ in range(15):
        began_ns = time.thread_time_ns()
        detector.detect([Frame(ref, AvPicture(picture))], 0)
        taken.append((time.thread_time_ns() - began_ns) / 1e6)
    return statistics.median(taken)
