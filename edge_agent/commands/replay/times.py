"""Moments as people write them: 2h, yesterday, 2026-06-01T22:00. Pure."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from edge_agent.errors import UsageError

_AGO = re.compile(r"(\d{1,6})(s|min|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


def moment_of(text: str, now: datetime, zone: ZoneInfo, option: str) -> datetime:
    """Return the moment that `text` means at `now`, in UTC.

    A time without an offset is one of the site's zone; a date and `yesterday` begin at its
    midnight. Raises: UsageError naming `option`.
    """
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if text == "now":
        return now.astimezone(UTC)
    if text == "today":
        return midnight.astimezone(UTC)
    if text == "yesterday":
        return (midnight - timedelta(days=1)).astimezone(UTC)
    if found := _AGO.fullmatch(text):
        ago = timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})
        return now.astimezone(UTC) - ago
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text}: no such time; allowed: 30min, 2h, 3d, today, yesterday, or a time "
            "such as 2026-06-01T22:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)
