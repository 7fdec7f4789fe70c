"""What the trials of a model are worth: pure rules over their sums."""

from collections.abc import Sequence

from edge_agent.detect.graph_facts import Claim
from edge_agent.detect.recognise.judgement import Judgement
from edge_agent.detect.recognise.pictures import OWN, PHOTOGRAPH, RENDERED
from edge_agent.detect.recognise.trials import Choice, Trial

#: What a net must do to pass: find this part of the objects, at least so many, with this AP.
_LEAST_PART, _LEAST_FOUND, _LEAST_AP = 0.15, 3, 0.1
#: Of a user's own pictures, half must show what they are said to show.
_LEAST_OWN = 0.5
#: What is left of the certainty when the self-test fails, when no photograph counts, and for
#: each key in doubt that matters; what a passed self-test leaves of the family's own doubt.
_FAILED, _RENDERED_ONLY, _IN_DOUBT, _DOUBT_LEFT = 0.3, 0.8, 0.9, 0.3
#: The keys whose doubt matters: where a picture lies in the input changes little.
_TELLING = frozenset({"channels", "scale", "mean", "std"})

_WORDS = {PHOTOGRAPH: "on photographs", RENDERED: "on rendered pictures", OWN: "on your pictures"}


def passes(trial: Trial) -> bool:
    """Return whether the model finds something sensible."""
    own = trial.by_kind.get(OWN, Judgement())
    if own.wanted:
        return own.found >= _LEAST_OWN * own.wanted
    total = trial.total
    least = max(_LEAST_FOUND, _LEAST_PART * total.wanted)
    return total.found >= least and total.ap >= _LEAST_AP


def certainty(claim: Claim, trial: Trial, choices: Sequence[Choice], *, passed: bool) -> float:
    """Return how sure the reading is, 0..1: the family's certainty and the self-test's word."""
    if not passed:
        return _FAILED * claim.certainty
    sure = 1 - _DOUBT_LEFT * (1 - claim.certainty)
    seen = [trial.by_kind.get(kind, Judgement()).found for kind in (PHOTOGRAPH, OWN)]
    if not any(seen):
        sure *= _RENDERED_ONLY
    for choice in choices:
        if _TELLING & {*choice.key.split("+")} and not choice.told_apart:
            sure *= _IN_DOUBT
    return sure


def certainty_word(value: float) -> str:
    """Return a certainty in a word."""
    return "sure" if value >= 0.85 else "likely" if value >= 0.6 else "unsure"


def verdict(trial: Trial, *, passed: bool) -> str:
    """Return the result of the self-test in words."""
    parts = [
        f"{judged.found} of {judged.wanted} {_WORDS[kind]}"
        for kind, judged in trial.by_kind.items()
        if judged.wanted
    ]
    if not parts:
        return "failed: it could not be run"
    total = trial.total
    false = f"{total.false} false" if total.false else "none false"
    text = f"found {', '.join(parts)}, {false}, AP {total.ap:.2f}"
    if passed:
        return f"passed: {text}"
    return f"failed: {text}: nothing sensible; an untrained net, other classes or another layout"
