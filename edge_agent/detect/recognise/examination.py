"""The whole examination of a model file: facts, families, labels, self-test, verdict.

It runs where a broken file can do no harm: in a child process, see `child.py`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from edge_agent.detect.families import FAMILIES
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.recognise.candidate import Candidate
from edge_agent.detect.recognise.inspection import Inspection, Request
from edge_agent.detect.recognise.pictures import builtin_pictures, own_picture
from edge_agent.detect.recognise.probe import OpenModel, tensor_words
from edge_agent.detect.recognise.trials import Bench, Trial
from edge_agent.detect.recognise.unrecognised import refuse_other_tasks, refuse_unrecognised
from edge_agent.detect.recognise.verdict import certainty, passes, verdict
from edge_agent.errors import ModelError
from edge_agent.types import Json

#: The picture of the probe's run: three persons of middle size.
_PROBE_PICTURE = "wall.jpg"
#: Claims less certain than this part of the surest one are not tried.
_WORTH_TRYING = 0.4
_MOST_CLAIMS = 4
#: A claim this sure that passes, or one that finds this part of the objects, is not held against
#: the others.
_SURE, _FINDS = 0.9, 0.6
#: A run slower than this makes the search look at every other picture only.
_SLOW_S = 0.25


def examine(request: Request, tell: Callable[[str], None]) -> Inspection:
    """Return what the file is. `tell` hears "loaded" and "ran".

    Raises: ModelError where it cannot be used, naming what would be.
    """
    pictures = builtin_pictures()
    probe_bgr = next(p.bgr for p in pictures if p.name == _PROBE_PICTURE)
    model = OpenModel(Path(request.file))
    tell("loaded")
    refuse_other_tasks(model.metadata)
    started = perf_counter()
    known = model.facts(probe_bgr, request.opset, request.input_wh)
    run_s = (perf_counter() - started) / len(known)
    del model  # the trials open sessions of their own
    tell("ran")
    pictures += [own_picture(Path(file), label) for file, label in request.pictures]
    few = pictures if run_s < _SLOW_S else pictures[::2]
    claims = _claims(known)
    if not claims:
        refuse_unrecognised(known[0])
    best, faults = None, []
    for facts, claim in claims:
        try:
            candidate = Candidate(request, facts, claim)
            candidate.test(pictures, few)
        except ModelError as error:
            faults.append(error)
            continue
        if best is None or _rank(candidate) > _rank(best):
            best = candidate
        total = candidate.trial.total
        finds = total.wanted and total.found >= _FINDS * total.wanted
        if candidate.passed and (claim.certainty >= _SURE or finds):
            break
    if best is None:
        raise faults[0]
    return _inspection(best, known[0], run_s)


def retest(request: Request, tell: Callable[[str], None]) -> dict[str, Json]:
    """Return whether a model with a manifest passes the self-test, and the verdict.

    Raises: ModelError where it cannot be loaded.
    """
    manifest = load_manifest(Path(str(request.manifest)))
    OpenModel(manifest.file)
    tell("loaded")
    bench = Bench(manifest.model_dump(exclude_unset=True), builtin_pictures(), request.threads)
    tell("ran")
    trial = Trial({}, bench.judge({}))
    if bench.fault:
        raise ModelError(bench.fault)
    passed = passes(trial)
    return {"passed": passed, "verdict": verdict(trial, passed=passed)}


def _claims(known: Sequence[GraphFacts]) -> list[tuple[GraphFacts, Claim]]:
    """Return the families' claims worth trying, each with its facts, the surest first.

    A family that claims at several scales of the picture counts once, where it is surest.
    """
    surest: dict[str, tuple[GraphFacts, Claim]] = {}
    for facts in known:
        for family in FAMILIES.values():
            claim = family.recognise(facts)
            before = surest.get(family.name)
            if claim and (before is None or claim.certainty > before[1].certainty):
                surest[family.name] = facts, claim
    ranked = sorted(surest.values(), key=lambda pair: -pair[1].certainty)
    least = _WORTH_TRYING * ranked[0][1].certainty if ranked else 0.0
    return [pair for pair in ranked if pair[1].certainty >= least][:_MOST_CLAIMS]


def _rank(candidate: Candidate) -> tuple[bool, float]:
    return candidate.passed, candidate.trial.total.ap * candidate.claim.certainty


def _inspection(best: Candidate, facts: GraphFacts, run_s: float) -> Inspection:
    sure = certainty(best.claim, best.trial, best.choices, passed=best.passed)
    return Inspection(
        family=best.claim.family,
        title=FAMILIES[best.claim.family].title,
        why=best.claim.why,
        certainty=round(sure, 2),
        passed=best.passed,
        verdict=verdict(best.trial, passed=best.passed),
        values=best.values,
        choices=[[c.key, c.told_apart, [list(tried) for tried in c.tried]] for c in best.choices],
        notes=best.notes,
        inputs=[tensor_words(tensor) for tensor in facts.inputs],
        outputs=[tensor_words(tensor) for tensor in facts.outputs],
        run_ms=round(1e3 * run_s, 1),
    )
