"""What a watch has learned and measured, as JSON values."""

from typing import TYPE_CHECKING

from edge_agent.types import Json
from edge_agent.wakeup.proof import Proof

if TYPE_CHECKING:
    from edge_agent.wakeup.watch import WakeWatch


def describe(watch: "WakeWatch") -> dict[str, Json]:
    """Return the report of `watch`; reads single values only, so any thread may ask."""
    plan, reason = watch.asleep_plan()
    sizes, looks, audits = watch.sizes, watch.looks, watch.audits
    share = audits.miss_share()
    packets = watch.packets
    return {
        "asleep_plan": plan.value,
        "reason": reason,
        "rate_control": watch.rates.word,
        "smart_codec": watch.rates.smart,
        "keyframe_interval_s": _rounded(watch.rates.gop_s),
        "sizes": {
            **_proof(watch.size_proof),
            "noisy": sizes.margin.exhausted,
            "spread": _rounded(sizes.spread),
            "limit": _rounded(sizes.limit),
            "clock_period_s": sizes.period_s,
            "lift": _rounded(watch.rates.lift),
        },
        "looks": {
            **_proof(watch.look_proof),
            "noisy": looks.margin.exhausted,
            "limit": _rounded(looks.limit),
            "score": _rounded(looks.score),
            "taken": looks.looks,
        },
        "wakes": {reason.value: count for reason, count in watch.wakes.items()},
        "audits": audits.audits,
        "misses": audits.misses,
        "miss_share": None if share is None else round(share[0], 4),
        "miss_share_interval": None if share is None else [round(x, 4) for x in share[1:]],
        "saved_decode_share": round(watch.spared / packets, 4) if packets else 0.0,
    }


def _proof(proof: Proof) -> dict[str, Json]:
    word = "proved" if proof.proved else "failed" if proof.failed else "unproved"
    return {
        "trust": word,
        "announced_share": _rounded(proof.share),
        "onsets": round(proof.onsets, 1),
        "false_alarms": proof.false_alarms,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
