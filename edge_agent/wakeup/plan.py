"""What a sleeping camera needs to be decoded, from what its signals have proved."""

from edge_agent.wakeup.audits import Audits
from edge_agent.wakeup.looks import LookSignal
from edge_agent.wakeup.proof import Proof
from edge_agent.wakeup.sizes import SizeSignal
from edge_agent.wakeup.verdicts import Asleep

_RARE_S = 5.0  # keyframes rarer than this are too late to be looked at alone
#: A GOP of which every second keyframe will do; the longer only where sizes tell what moves.
_SHORT_S, _MIDDLING_S = 1.3, 2.2
#: Where sizes tell and audits have borne them out, a look each so many seconds will do.
_TRUSTED_S = 9.0
_RAREST_FIRST = (
    Asleep.EVERY_EIGHTH_KEYFRAME,
    Asleep.EVERY_FOURTH_KEYFRAME,
    Asleep.EVERY_SECOND_KEYFRAME,
)


def choose_plan(
    *,
    gop_s: float | None,
    sizes: SizeSignal,
    looks: LookSignal,
    size_proof: Proof,
    look_proof: Proof,
    audits: Audits,
    rate_control: str,
) -> tuple[Asleep, str]:
    """Return what to decode asleep, and the reason for people."""
    stay = Asleep.STAY_AWAKE
    if gop_s is None or not (sizes.warm or looks.warm):
        return stay, "still learning what quiet is"
    if audits.too_many:
        return stay, f"{audits.misses} of {audits.audits} audits found movement unannounced"
    sizes_serve = size_proof.proved and not sizes.margin.exhausted
    said = _said_of_sizes(sizes, size_proof, rate_control)
    if gop_s > _RARE_S:
        if sizes_serve:
            return Asleep.KEYFRAMES, f"one keyframe in {gop_s:.1f} s, but sizes are proved"
        return stay, f"one keyframe in {gop_s:.1f} s and sizes are {said}"
    if looks.margin.exhausted or look_proof.failed:
        why = "always changing" if looks.margin.exhausted else "no help"
        if sizes_serve:
            return Asleep.KEYFRAMES, f"looks are {why}, sizes are proved"
        return stay, f"looks are {why} and sizes are {said}"
    if not looks.warm:
        return stay, "still learning what quiet looks like"
    text = f"a keyframe each {gop_s:.1f} s, sizes are {said}"
    if audits.careful or size_proof.failed or sizes.margin.exhausted:
        return Asleep.KEYFRAMES, text
    tells = sizes_serve or rate_control == "quality"
    if tells and audits.settled:
        fitting = (p for p in _RAREST_FIRST if p.keyframes_a_look * gop_s <= _TRUSTED_S)
        return next(fitting, Asleep.KEYFRAMES), f"{text}, {audits.audits} audits bear them out"
    if gop_s <= (_MIDDLING_S if tells else _SHORT_S) and (tells or rate_control != "even"):
        return Asleep.EVERY_SECOND_KEYFRAME, text
    return Asleep.KEYFRAMES, text


def _said_of_sizes(sizes: SizeSignal, proof: Proof, rate_control: str) -> str:
    if sizes.margin.exhausted:
        return "always changing"
    if proof.proved:
        return "proved"
    if rate_control == "even":
        return "even, rate-controlled or drowned in noise"
    return "no help" if proof.failed else "not proved yet"
