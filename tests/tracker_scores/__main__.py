"""Scores the tracker and the public ones on every case, and prints a table."""

# ruff: noqa: T201 (it prints)
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent.errors import AgentError
from edge_agent.stage.clips import cache_folder
from tests.tracker_scores.cases import Case, cases, prepared_footage
from tests.tracker_scores.compared import ask_peers
from tests.tracker_scores.ours import track
from tests.tracker_scores.scoring import Score, Told, score

OURS, TUNED = "this", "ByteTrack, best"
#: The settings of ByteTrack of which the best by HOTA counts.
SETTINGS = "ByteTrack iou"
#: How far IDF1 and HOTA may be behind.
TOLERANCE = 0.5


def main(arguments: Sequence[str]) -> int:
    """Print the table; return 1 where this tracker is behind by more than the tolerance."""
    parser = argparse.ArgumentParser(prog="python -m tests.tracker_scores")
    parser.add_argument("--only", default="", help="footage whose name begins so")
    parser.add_argument("--all", action="store_true", help="every public tracker and setting")
    parser.add_argument("--peers", type=Path, default=Path("build/peers/trackers"))
    given = parser.parse_args(arguments)
    try:
        footage = prepared_footage(given.only, cache_folder(), _progress)
        found = list(cases(footage))
        peers = _peers(given.peers, found, every=given.all)
    except AgentError as error:
        print(error, file=sys.stderr)
        return 2
    return _tell(found, peers, every=given.all)


def _progress(part: float) -> None:
    end = "\n" if part >= 1 else "\r"
    print(f"rendering {part:.0%}", end=end, file=sys.stderr, flush=True)


def _peers(
    environment: Path, found: Sequence[Case], *, every: bool = False
) -> list[dict[str, list[list[Told]]]]:
    """Return what each public tracker told of each case's pieces; none where none is there."""
    if not (environment / "bin" / "python").exists():
        print(f"{environment}: not there (make bench-peers PEERS=trackers); without public "
              "trackers", file=sys.stderr)  # fmt: skip
        return [{} for _ in found]
    told = iter(
        ask_peers(environment, [task for case in found for task in case.tasks], every=every)
    )
    out = []
    for case in found:
        pieces = [next(told) for _ in case.tasks]
        out.append({name: [piece[name] for piece in pieces] for name in pieces[0]})
    return out


def _tell(
    found: Sequence[Case], peers: Sequence[dict[str, list[list[Told]]]], *, every: bool
) -> int:
    print("| footage | fps | detections | tracker | MOTA | IDF1 | HOTA | switches | ids (true) |")
    print("|---|---|---|---|---|---|---|---|---|")
    behind = 0
    for case, told in zip(found, peers, strict=True):
        scores = _scores(case, told)
        for name, one in scores.items():
            if every or name in (OURS, TUNED):
                print(_line(case, name, one), flush=True)
        best = scores.get(TUNED)
        behind += best is not None and _behind(scores[OURS], best)
    print(f"behind by more than {TOLERANCE} in {behind} of {len(found)} cases", file=sys.stderr)
    return int(behind > 0)


def _scores(case: Case, told: dict[str, list[list[Told]]]) -> dict[str, Score]:
    pieces = [task.footage for task in case.tasks]
    ours = [track(task.footage, task.found, task.threshold) for task in case.tasks]
    scores = {name: score(pieces, boxes) for name, boxes in {OURS: ours, **told}.items()}
    settings = [one for name, one in scores.items() if name.startswith(SETTINGS)]
    if settings:
        scores[TUNED] = max(settings, key=lambda one: one.hota)
    return scores


def _behind(ours: Score, other: Score) -> bool:
    return ours.idf1 < other.idf1 - TOLERANCE or ours.hota < other.hota - TOLERANCE


def _line(case: Case, name: str, one: Score) -> str:
    return (
        f"| {case.footage} | {case.fps:g} | {case.detections} | {name} | {one.mota:.1f} | "
        f"{one.idf1:.1f} | {one.hota:.1f} | {one.switches} | {one.ids} ({one.true_ids}) |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
