"""The probe, on made texts laid out as Linux lays them out on such boards; none was recorded on one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebuild import probing
from edgebuild.cli.main import main
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.core.measurement import Environment
from edgebuild.devices.arm_cores import core_name
from edgebuild.devices.fitness import unfit_now
from edgebuild.devices.hardware import Seen, understand
from edgebuild.devices.matching import match, match_targets
from edgebuild.devices.onboard.hardware import collect
from edgebuild.probing import Floor, Probe, noise_of, target_text
from edgebuild.report.probe import probe_text
from edgebuild.store.catalog import find_target, target_names
from edgebuild.store.devices import save_device
from edgebuild.store.toml import load_target

FEATURES = {
    "0xd0b": "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    "0xd08": "fp asimd evtstrm crc32 cpuid",
    "0xd05": "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
}


def board(root: Path, parts: list[str], clocks: list[int], chip: str, model: str, kib: int) -> Path:
    """The texts of a made board."""
    blocks = [
        f"processor\t: {n}\nBogoMIPS\t: 108.00\nFeatures\t: {FEATURES[part]}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: {part}\nCPU revision\t: 1\n"
        for n, part in enumerate(parts)
    ]
    files = {
        "proc/cpuinfo": "\n".join([*blocks, f"Revision\t: d04170\nModel\t\t: {model}\n"]),
        "proc/meminfo": f"MemTotal:       {kib} kB\nMemFree:        1 kB\n",
        "proc/device-tree/model": f"{model}\0",
        "proc/device-tree/compatible": f"raspberrypi,model\0brcm,{chip}\0",
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "51500\n",
    }
    for n, clock in enumerate(clocks):
        files[f"sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq"] = f"{clock}\n"
        files[f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_max_freq"] = f"{clock}\n"
        files[f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_governor"] = "ondemand\n"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def answer(root: Path, **other: object) -> bytes:
    told = {"machine": "aarch64", "kernel": "6.6.31", "python": "3.11.2", "modules": [], "texts": collect(str(root))}
    return json.dumps({**told, **other}).encode()


@pytest.fixture
def pi5(tmp_path: Path) -> Seen:
    root = board(
        tmp_path / "pi5", ["0xd0b"] * 4, [2_400_000] * 4, "bcm2712", "Raspberry Pi 5 Model B Rev 1.0", 8_245_696
    )
    return understand("d", answer(root, modules=["onnxruntime", "numpy"]))


@pytest.fixture
def pi4(tmp_path: Path) -> Seen:
    root = board(
        tmp_path / "pi4", ["0xd08"] * 4, [1_800_000] * 4, "bcm2711", "Raspberry Pi 4 Model B Rev 1.4", 3_884_992
    )
    return understand("d", answer(root))


def test_a_made_pi_5_is_understood(pi5: Seen) -> None:
    assert (pi5.isa, pi5.cpu, pi5.cores, pi5.clusters) == (
        "aarch64",
        "Cortex-A76",
        ("Cortex-A76",) * 4,
        ("4x Cortex-A76",),
    )
    assert pi5.features == ("asimd", "asimdhp", "asimddp")
    assert (pi5.dot_product, pi5.max_clock_khz, pi5.memory_mib, pi5.chips) == (
        "dotprod",
        2_400_000,
        8052,
        ("model", "bcm2712"),
    )
    assert (pi5.governor, pi5.thermal_zones) == ("ondemand", {"0 cpu-thermal": 51_500})
    assert pi5.system == "Debian GNU/Linux 12 (bookworm)"


def test_two_kinds_of_cores_are_two_clusters(tmp_path: Path) -> None:
    root = board(tmp_path, ["0xd05"] * 4 + ["0xd0b"] * 2, [1_800_000] * 4 + [2_200_000] * 2, "x", "made", 1)
    seen = understand("d", answer(root))
    assert seen.clusters == ("4x Cortex-A55", "2x Cortex-A76")
    assert seen.cpu == "Cortex-A76"
    assert seen.as_hardware().clusters == seen.clusters


def shipped() -> list[object]:
    return [find_target(name) for name in target_names()]


def test_each_made_board_is_its_own_target(pi5: Seen, pi4: Seen) -> None:
    for seen, name in ((pi5, "raspberry-pi-5"), (pi4, "raspberry-pi-4")):
        best, *others = match_targets(seen, shipped(), "ssh")  # type: ignore[arg-type]
        assert best.target == name
        assert best.fits
        assert {"isa", "cpu", "cores", "soc", "dot_product"} <= set(best.agree)
        assert [other.target for other in others if other.fits] == ["arm64-generic", "arm64-litert"]
    assert "max_clock_mhz" in match(pi5, find_target("raspberry-pi-5")).agree
    assert "max_clock_mhz" not in match(pi4, find_target("raspberry-pi-4")).agree, "a later revision's clock"


def test_a_contradicted_target_does_not_fit(pi5: Seen) -> None:
    one_core = pi5.model_copy(update={"cores": pi5.cores[:1]})
    found = match(one_core, find_target("raspberry-pi-5"))
    assert found.contradict == ("cores: 1, not 4",)
    wrong = match(pi5, find_target("raspberry-pi-4"))
    assert any(text.startswith("cpu: Cortex-A76, not Cortex-A72") for text in wrong.contradict)
    assert any(text.startswith("dot_product: dotprod, not none") for text in wrong.contradict)


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"[]",
        json.dumps({"machine": "riscv64", "kernel": "", "python": "", "texts": {}}).encode(),
        json.dumps(
            {"machine": "aarch64", "kernel": "", "python": "", "texts": {"proc/cpuinfo": "x" * 300_000}}
        ).encode(),
        json.dumps({"machine": "aarch64", "kernel": "", "python": "", "texts": {}, "more": 1}).encode(),
    ],
)
def test_a_hostile_answer_is_the_devices_fault(data: bytes) -> None:
    with pytest.raises(DeviceError):
        understand("d", data)


def test_texts_that_mean_nothing_tell_nothing() -> None:
    texts = {
        "proc/cpuinfo": "processor: 0\nCPU part: zzz\nCPU implementer: 0x41\n", "proc/meminfo": "MemTotal: many kB",
        "proc/device-tree/model": "\x1b[31mred\0", "sys/class/thermal/thermal_zone0/temp": "hot",
    }  # fmt: skip
    seen = understand("d", answer(Path("/nowhere"), texts=texts))
    assert (seen.cores, seen.memory_mib, seen.max_clock_khz, seen.thermal_zones) == (("unknown",), None, None, {})
    assert seen.model == "[31mred", "no control characters reach a terminal or a file"
    assert core_name(0x41, 0xD0B) == "Cortex-A76"
    assert core_name(0x51, 0x001) == "core 0x51:0x001"


def test_what_is_unfit_is_said_with_what_mends_it(pi5: Seen) -> None:
    now = Environment(
        governor="powersave", throttled=True, throttle_flags=0x50005, load_1min=2.5, temperature_mc=(84_000,),
        clock_limit_khz=(1_500_000,) * 4, memory_available=10 * 2**20,
    )  # fmt: skip
    found = unfit_now(pi5, now)
    text = " ".join(f"{each.reason} -> {each.command}" for each in found)
    for words in (
        "governor powersave", "echo performance | sudo tee", "undervoltage", "power supply", "load 2.50", "84.0 °C",
        "capped at 1500 of 2400 MHz", "echo 2400000", "10 MiB available",
    ):  # fmt: skip
        assert words in text
    assert unfit_now(pi5, Environment(governor="performance", throttled=False, load_1min=0.1)) == ()


def made_probe(seen: Seen, name: str = "board") -> Probe:
    floor = Floor("onnxruntime", 40 * 2**20, 5000.0, 0.011, 5)
    return Probe(name, seen, Environment(), (), (floor,), match_targets(seen, shipped(), "ssh"))  # type: ignore[arg-type]


def test_the_target_that_is_written_is_valid_and_fits(
    pi5: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path / "devices"))
    save_device(DeviceEntry(name="board", transport="ssh", address="board"))
    found = made_probe(pi5)
    file = probing.write_target(found, tmp_path)
    target = load_target(file)
    assert (target.hardware.cpu, target.hardware.max_clock_mhz, target.virtual_cpu) == (
        "Cortex-A76",
        2400,
        "cortex-a76",
    )
    assert target.sources["hardware"].startswith("measured by edgebuild devices probe board, ")
    again = match(pi5, target)
    assert again.fits
    assert len(again.agree) >= 6
    assert main(["targets", "check", str(file)]) == 0
    with pytest.raises(ConfigError, match="already"):
        probing.write_target(found, tmp_path)
    assert "raspberry-pi-5" in probe_text(found)
    assert "1.10 % (5 pairs)" in probe_text(found)


def test_what_a_device_calls_itself_stays_inside_its_string(pi5: Seen, tmp_path: Path) -> None:
    hostile = pi5.model_copy(update={"model": '" # \\ """\' ]', "features": ()})
    file = tmp_path / "board.toml"
    file.write_text(target_text("board", made_probe(hostile), DeviceEntry(name="board", transport="ssh", address="b")))
    assert load_target(file).hardware.soc == '" # \\ """\' ]'


def test_noise_is_robust() -> None:
    calm = [1.01, 0.99, 1.01, 0.99]
    assert noise_of(calm) == pytest.approx(0.0148, abs=2e-4)
    assert noise_of([*calm, 3.0]) < 0.02, "one disturbed pair is no noise floor"


@pytest.mark.serial
def test_this_machine_is_probed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = probing.probe("local", tmp_path, pairs=1)
    assert found.seen.cores
    assert found.seen.memory_mib
    assert all(match.target.startswith("host-") for match in found.matches)
    assert all(floor.wrong or (floor.memory or 0) > 2**20 for floor in found.floors)
    json.dumps(found.as_json(), allow_nan=False)
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path))
    assert load_target(probing.write_target(found, tmp_path)).is_host
