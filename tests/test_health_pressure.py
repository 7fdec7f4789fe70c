"""What presses on the processor, read from made-up trees of /proc and /sys."""

from pathlib import Path

import pytest

from edge_agent.health.pressure import PressureReader, Zone
from edge_agent.policy.load import Heat

CGROUP = "sys/fs/cgroup/system.slice/edge-agent.service"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def zone(number: int, name: str, milli_c: int, *trips: tuple[str, int]) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    files = {f"{folder}/type": f"{name}\n", f"{folder}/temp": f"{milli_c}\n"}
    for i, (kind, limit) in enumerate(trips):
        files[f"{folder}/trip_point_{i}_type"] = f"{kind}\n"
        files[f"{folder}/trip_point_{i}_temp"] = f"{limit}\n"
    return files


def psi(avg10: float) -> str:
    return f"some avg10={avg10:.2f} avg60=1.00 avg300=0.50 total=1234\nfull avg10=0.00 total=0\n"


def test_a_machine_that_tells_nothing_is_no_trouble(tmp_path: Path) -> None:
    pressure = PressureReader(tmp_path).read()
    assert pressure.heat is Heat.NONE
    assert pressure.as_json() == {
        "heat": "none", "slowed_by": None, "stalled": None, "stalled_scope": None,
        "quota_cores": None, "quota_hit": None, "load_1min": None, "zones": (), "mhz": None,
        "max_mhz": None,
    }  # fmt: skip


def test_waiting_is_the_services_own_where_the_kernel_tells_it(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/pressure/cpu": psi(80.0), "proc/loadavg": "3.21 2.00 1.00 1/2 3"})
    before = PressureReader(root).read()
    assert (before.stalled, before.stalled_scope, before.load_1min) == (0.8, "machine", 3.21)
    tree(root, {"proc/self/cgroup": "0::/system.slice/edge-agent.service\n",
                f"{CGROUP}/cpu.pressure": psi(12.5)})  # fmt: skip
    after = PressureReader(root).read()
    assert (after.stalled, after.stalled_scope) == (0.125, "service")


def test_a_quota_and_how_often_it_runs_dry(tmp_path: Path) -> None:
    root = tree(tmp_path, {
        "proc/self/cgroup": "1:name=systemd:/x\n0::/system.slice/edge-agent.service\n",
        f"{CGROUP}/cpu.max": "max 100000\n",
        "sys/fs/cgroup/system.slice/cpu.max": "150000 100000\n",
        f"{CGROUP}/cpu.stat": "usage_usec 5\nnr_periods 100\nnr_throttled 40\nthrottled_usec 9\n",
    })  # fmt: skip
    reader = PressureReader(root)
    first = reader.read()
    assert (first.quota_cores, first.quota_hit) == (1.5, 0.0)
    tree(root, {f"{CGROUP}/cpu.stat": "nr_periods 200\nnr_throttled 65\nthrottled_usec 9\n"})
    assert reader.read().quota_hit == 0.25
    assert reader.read().quota_hit == 0.0


def test_the_tightest_quota_above_counts_and_a_containers_top_too(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"})
    assert PressureReader(root).read().quota_cores == 0.5


@pytest.mark.parametrize(
    ("zones", "slowed_by"),
    [
        (zone(0, "cpu-thermal", 60_000, ("passive", 80_000), ("critical", 110_000)), None),
        (zone(0, "cpu-thermal", 80_500, ("passive", 80_000)),
         "cpu-thermal is at 80 °C, its limit is 80"),
        # a fan's trip point is no limit
        (zone(0, "cpu-thermal", 60_000, ("active", 50_000), ("hot", 90_000)), None),
        # what is not set holds 0 or absolute zero
        (zone(0, "x86_pkg_temp", 60_000, ("passive", 0), ("passive", -274_000)), None),
        # a modem may be as hot as it likes
        (zone(0, "iwlwifi_1", 99_000, ("passive", 80_000)), None),
        (zone(0, "acpitz", 30_000, ("hot", 90_000)) | zone(1, "cpu_big", 95_000, ("hot", 90_000)),
         "cpu_big is at 95 °C, its limit is 90"),
    ],
)  # fmt: skip
def test_heat_by_thermal_zones(
    tmp_path: Path, zones: dict[str, str], slowed_by: str | None
) -> None:
    pressure = PressureReader(tree(tmp_path, zones)).read()
    assert pressure.slowed_by == slowed_by
    assert pressure.heat is (Heat.NONE if slowed_by is None else Heat.THROTTLED)


def test_zones_are_shown_with_their_limit(tmp_path: Path) -> None:
    root = tree(tmp_path, zone(0, "cpu-thermal", 61_234, ("passive", 80_000), ("hot", 85_000)))
    assert PressureReader(root).read().zones == (Zone("cpu-thermal", 61.234, 80.0),)


@pytest.mark.parametrize("platform", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
@pytest.mark.parametrize(
    ("flags", "slowed_by"),
    [
        ("0x0", None),
        ("0x50000", None),  # it was so once since the boot
        ("0x50005", "the board's firmware says: under-voltage, throttled"),
        ("0x8", "the board's firmware says: soft temperature limit"),
        ("?", None),
    ],
)
def test_a_pi_tells_by_its_firmware(
    tmp_path: Path, platform: str, flags: str, slowed_by: str | None
) -> None:
    file = f"sys/devices/platform/{platform}/get_throttled"
    assert PressureReader(tree(tmp_path, {file: flags + "\n"})).read().slowed_by == slowed_by


def test_an_intel_package_tells_by_a_count_that_rises(tmp_path: Path) -> None:
    file = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
    reader = PressureReader(tree(tmp_path, {file: "7\n"}))
    assert reader.read().heat is Heat.NONE  # that was before
    tree(tmp_path, {file: "9\n"})
    assert reader.read().heat is Heat.THROTTLED
    assert reader.read().heat is Heat.NONE


def test_the_slowest_core_and_the_fastest_it_could_be(tmp_path: Path) -> None:
    policy = "sys/devices/system/cpu/cpufreq/policy"
    root = tree(tmp_path, {
        f"{policy}0/scaling_cur_freq": "600000\n", f"{policy}0/cpuinfo_max_freq": "1800000\n",
        f"{policy}4/scaling_cur_freq": "2400000\n", f"{policy}4/cpuinfo_max_freq": "2400000\n",
    })  # fmt: skip
    pressure = PressureReader(root).read()
    assert (pressure.mhz, pressure.max_mhz) == (600, 2400)


@pytest.mark.parametrize("text", ["", "garbage", "some avg10= \n", "-1 x", "0::/../../etc\n"])
def test_broken_files_are_passed_over(tmp_path: Path, text: str) -> None:
    names = [
        "proc/pressure/cpu", "proc/self/cgroup", "proc/loadavg", "sys/fs/cgroup/cpu.max",
        "sys/class/thermal/thermal_zone0/temp", "sys/devices/system/cpu/cpufreq/policy0/x",
        "sys/devices/platform/soc/soc:firmware/get_throttled",
    ]  # fmt: skip
    pressure = PressureReader(tree(tmp_path, dict.fromkeys(names, text))).read()
    assert pressure.heat is Heat.NONE
    assert pressure.stalled is None


def test_this_machine_can_be_read() -> None:
    assert PressureReader().read().as_json()["heat"] in ("none", "throttled")
