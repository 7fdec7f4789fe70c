"""Joules from the sensors that Linux shows: RAPL's energy counters, INA power monitors.

Sources: the kernel's Documentation/power/powercap/powercap.rst and hwmon/{ina2xx,ina3221}.rst:
`energy_uj` counts microjoules and wraps; `power1_input` is microwatts, `inN_input` millivolts,
`currN_input` milliamperes.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

_SYS = Path("/sys/class")
_CHANNELS = (1, 2, 3)


@dataclass(slots=True)
class EnergyMeter:
    """Adds up what the sensors show; look at it about once a second between start and end.

    Args: `root` stands for /sys/class.
    """

    root: Path = _SYS
    joules: float = 0.0
    source: str | None = None  # what was read, None where there is nothing to read
    _counters: dict[Path, int] = field(default_factory=dict)
    _looked_s: float | None = None

    def look(self, now_s: float | None = None) -> None:
        """Add the energy since the last look."""
        now_s = time.monotonic() if now_s is None else now_s
        if not self._look_rapl():
            self._look_ina(now_s)
        self._looked_s = now_s

    def _look_rapl(self) -> bool:
        """Read the packages' counters (`intel-rapl:N`; their parts are within them)."""
        packages = [
            zone
            for zone in sorted(self.root.glob("powercap/*-rapl:*"))
            if zone.name.count(":") == 1 and (zone / "energy_uj").exists()
        ]
        for zone in packages:
            try:
                now = int((zone / "energy_uj").read_text())
                span = int((zone / "max_energy_range_uj").read_text())
            except (OSError, ValueError):  # readable by root alone
                return False
            before = self._counters.get(zone, now)
            self.joules += ((now - before) % span if now < before else now - before) / 1e6
            self._counters[zone] = now
            self.source = f"RAPL, {len(packages)} package{'s' * (len(packages) > 1)}"
        return bool(packages)

    def _look_ina(self, now_s: float) -> None:
        watts, sensors = 0.0, []
        for monitor in sorted(self.root.glob("hwmon/hwmon*")):
            try:
                name = (monitor / "name").read_text().strip()
                power = _ina_watts(monitor) if name.startswith("ina") else None
            except (OSError, ValueError):
                continue
            if power is not None:
                watts += power
                sensors.append(name)
        if not sensors:
            return
        self.source = f"{', '.join(sensors)}: the rails that they watch, sampled"
        if self._looked_s is not None:
            self.joules += watts * (now_s - self._looked_s)


def _ina_watts(monitor: Path) -> float | None:
    """Return the sum of a monitor's channels; None where it shows no power."""
    if (monitor / "power1_input").exists():
        return int((monitor / "power1_input").read_text()) / 1e6
    channels = [
        int((monitor / f"in{n}_input").read_text()) * int((monitor / f"curr{n}_input").read_text())
        for n in _CHANNELS
        if (monitor / f"curr{n}_input").exists()
    ]
    return sum(channels) / 1e6 if channels else None
