"""What presses on the processor: waiting for cores, quotas, heat, supply, clock rate.

Everything comes from text files below a root folder; what a machine does not have is None. Works
inside the service's sandbox, which shows /proc and /sys read-only. The Pi's firmware is asked
through its file: `vcgencmd` would need a device that the sandbox hides.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.policy.load import Heat
from edge_agent.types import Json

#: Zones whose heat slows the processor; a modem's or a disk's does not.
_PROCESSOR = re.compile(r"cpu|soc|pkg|package|core|acpitz", re.IGNORECASE)
#: Trip points from which on the kernel slows the processor down.
#: Source: Documentation/driver-api/thermal/sysfs-api.rst of the Linux kernel.
_SLOWING_TRIPS = {"passive", "hot", "critical"}
#: Bits of the Pi's `get_throttled` that hold now.
#: Source: raspberrypi.com/documentation/computers/os.html, vcgencmd, get_throttled.
_FIRMWARE = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}


@dataclass(frozen=True, slots=True)
class Zone:
    """One thermal zone; `limit_c` is where the kernel begins to slow down, None without one."""

    name: str
    celsius: float
    limit_c: float | None


@dataclass(frozen=True, slots=True)
class Pressure:
    """One look at the machine; shares are 0..1, None is what the machine does not tell."""

    heat: Heat
    slowed_by: str | None  # why `heat` is not NONE, for people
    stalled: float | None  # share of the last 10 s in which something waited for a core
    stalled_scope: str | None  # "service": only this service's tasks; "machine": anybody's
    quota_cores: float | None  # cores that the cgroup may use
    quota_hit: float | None  # share of the quota's periods since the last look that ran dry
    load_1min: float | None
    zones: tuple[Zone, ...]
    mhz: int | None  # of the slowest core, now
    max_mhz: int | None

    def as_json(self) -> dict[str, Json]:
        """Return the same as JSON values."""
        return asdict(self)


class PressureReader:
    """Looks again and again; remembers the counters of the last look."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._quota_periods: tuple[int, int] | None = None  # all, run dry
        self._package_throttles: int | None = None

    def read(self) -> Pressure:
        """Return what the machine says now; never raises."""
        own = _first_number(r"some avg10=([\d.]+)", self._cgroup_file("cpu.pressure"))
        everybody = _first_number(r"some avg10=([\d.]+)", self._text("proc/pressure/cpu"))
        percent = everybody if own is None else own
        zones = tuple(self._zones())
        slowed_by = self._slowed_by(zones)
        clocks = self._clocks()
        return Pressure(
            heat=Heat.NONE if slowed_by is None else Heat.THROTTLED,
            slowed_by=slowed_by,
            stalled=None if percent is None else percent / 100,
            stalled_scope=None if percent is None else "machine" if own is None else "service",
            quota_cores=self._quota_cores(),
            quota_hit=self._quota_hit(),
            load_1min=_first_number(r"([\d.]+)", self._text("proc/loadavg")),
            zones=zones,
            mhz=min((now for now, _ in clocks), default=None),
            max_mhz=max((most for _, most in clocks), default=None),
        )

    def _slowed_by(self, zones: tuple[Zone, ...]) -> str | None:
        said = self._firmware()
        if said:
            return f"the board's firmware says: {', '.join(said)}"
        for zone in zones:
            if zone.limit_c is not None and zone.celsius >= zone.limit_c:
                return f"{zone.name} is at {zone.celsius:.0f} °C, its limit is {zone.limit_c:.0f}"
        if self._package_throttled():
            return "the processor counts thermal throttling"
        return None

    def _firmware(self) -> list[str]:
        for file in self._glob("sys/devices/platform/soc*/*firmware/get_throttled"):
            try:
                flags = int(_read(file), 16)
            except ValueError:
                continue
            return [word for bit, word in _FIRMWARE.items() if flags & 1 << bit]
        return []

    def _package_throttled(self) -> bool:
        """Return whether Intel's count of throttled moments rose since the last look."""
        folder = "sys/devices/system/cpu/cpu0/thermal_throttle"
        count = _whole(self._text(f"{folder}/package_throttle_count"))
        before, self._package_throttles = self._package_throttles, count
        return count is not None and before is not None and count > before

    def _zones(self) -> Iterator[Zone]:
        for folder in self._glob("sys/class/thermal/thermal_zone*"):
            name, milli_c = _read(folder / "type").strip(), _whole(_read(folder / "temp"))
            if milli_c is None:
                continue
            limits = [
                limit
                for trip in folder.glob("trip_point_*_type")
                if _read(trip).strip() in _SLOWING_TRIPS
                and (limit := _whole(_read(trip.with_name(trip.name[:-4] + "temp")))) is not None
                and limit > 0  # unused trips hold 0 or -273 °C
            ]
            counts = bool(limits) and _PROCESSOR.search(name) is not None
            yield Zone(name, milli_c / 1000, min(limits) / 1000 if counts else None)

    def _clocks(self) -> list[tuple[int, int]]:
        """Return (now, most) in MHz of each group of cores."""
        pairs = [
            (_whole(_read(folder / "scaling_cur_freq")), _whole(_read(folder / "cpuinfo_max_freq")))
            for folder in self._glob("sys/devices/system/cpu/cpufreq/policy*")
        ]
        return [(now // 1000, most // 1000) for now, most in pairs if now and most]

    def _quota_cores(self) -> float | None:
        quotas = [
            int(match[1]) / int(match[2])
            for folder in self._cgroup_folders()
            if (match := re.match(r"(\d+) (\d+)", _read(folder / "cpu.max")))
        ]
        return min(quotas, default=None)

    def _quota_hit(self) -> float | None:
        text = self._cgroup_file("cpu.stat")
        periods = _first_number(r"nr_periods (\d+)", text)
        dry = _first_number(r"nr_throttled (\d+)", text)
        if periods is None or dry is None:
            return None
        before, self._quota_periods = self._quota_periods, (int(periods), int(dry))
        passed = 0 if before is None else int(periods) - before[0]
        return (int(dry) - before[1]) / passed if before and passed > 0 else 0.0

    def _cgroup_file(self, name: str) -> str:
        """Return the nearest file of that name, from this process's cgroup upwards, or nothing.

        The root's own figures are the machine's, so the root is not asked.
        """
        for folder in self._cgroup_folders():
            if text := _read(folder / name):
                return text
        return ""

    def _cgroup_folders(self) -> Iterator[Path]:
        """Give the folders of this process's cgroup and of those above it. Source: cgroups(7)."""
        match = re.search(r"^0::/(.*)$", self._text("proc/self/cgroup"), re.MULTILINE)
        if match is None:
            return
        top = self._root / "sys/fs/cgroup"
        place = top / match[1].strip("/")
        # Inside a container the own group is mounted as the top: it has limits, a root has none.
        while place != top:
            yield place
            place = place.parent
        if (top / "cpu.max").exists():
            yield top

    def _text(self, path: str) -> str:
        return _read(self._root / path)

    def _glob(self, pattern: str) -> list[Path]:
        return sorted(self._root.glob(pattern))


def _read(file: Path) -> str:
    """Return the text of a file, nothing where it cannot be read: sensors come and go."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _first_number(pattern: str, text: str) -> float | None:
    match = re.search(pattern, text)
    try:
        return None if match is None else float(match[1])
    except ValueError:
        return None
