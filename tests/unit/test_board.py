"""The virtual board without QEMU: what is asked of it, of apt and of the disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from processes import running, sleep_of_its_own
from waiting import LIMIT_S, eventually

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.core.target import Target
from edgebuild.devices.board import boot as boot_module
from edgebuild.devices.board import disk as disk_module
from edgebuild.devices.board import image as image_module
from edgebuild.devices.board import tools
from edgebuild.devices.board.cpio import FOLDER, newc
from edgebuild.devices.board.cpus import AUTO, CPUS, check_cpu, cpu_for
from edgebuild.devices.board.disk import disk_for, own_folder
from edgebuild.devices.board.image import board_image, boards_folder
from edgebuild.devices.board.keys import write_config
from edgebuild.devices.board.qemu import Disk, Ports, Spec, qemu_command
from edgebuild.devices.board.sources import debian_sources
from edgebuild.devices.board.up import board_up, spec_of
from edgebuild.store.catalog import find_target, target_names
from edgebuild.store.scratch import claim, is_held

PI = Spec(cpu="cortex-a76", memory_mib=512)


def command(spec: Spec = PI, path: str = "/d/disk.img", ports: Ports | None = None) -> list[str]:
    disk, ports = Disk(path=Path(path), format="raw"), ports or Ports(ssh=4022)
    return qemu_command(spec, disk, ports, kernel=Path("/i/vmlinuz"), folder=Path("/b"))


def after(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


def test_a_board_is_one_core_of_its_memory() -> None:
    argv = command()
    assert [after(argv, option) for option in ("-cpu", "-smp", "-m")] == ["cortex-a76", "1", "512M"]
    assert "-icount" not in argv
    assert "norandmaps" not in after(argv, "-append")


def test_an_exact_board_has_its_clock_tied_and_addresses_fixed() -> None:
    argv = command(PI.model_copy(update={"exact": True}))
    assert after(argv, "-icount") == "shift=0,sleep=off"
    assert {"norandmaps", "nokaslr"} <= set(after(argv, "-append").split())


def test_the_network_is_closed_but_for_loopback_ports() -> None:
    assert after(command(), "-netdev") == "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:4022-:22"
    both = after(command(ports=Ports(ssh=4022, adb=4055, adb_server=4037)), "-netdev")
    assert both.endswith("hostfwd=tcp:127.0.0.1:4022-:22,hostfwd=tcp:127.0.0.1:4055-:5555")


def test_the_disk_is_written_only_on_request_and_a_comma_does_not_end_its_name() -> None:
    assert after(command(path="/d/a,file=b"), "-drive") == "if=none,id=disk,file=/d/a,,file=b,format=raw,snapshot=on"
    assert after(command(PI.model_copy(update={"keep": True})), "-drive").endswith("snapshot=off")


def test_the_host_key_is_known_before_the_first_word(tmp_path: Path) -> None:
    (tmp_path / "host.pub").write_text("ssh-ed25519 AAAAkey board\n")
    write_config(tmp_path, 4022)
    assert (tmp_path / "known_hosts").read_text() == "[127.0.0.1]:4022 ssh-ed25519 AAAAkey\n"
    config = (tmp_path / "ssh_config").read_text()
    assert "StrictHostKeyChecking yes" in config
    assert f'UserKnownHostsFile "{tmp_path}/known_hosts"' in config


def test_kernel_archives_unpack_as_they_were_made(tmp_path: Path) -> None:
    whole = newc({"keys": (0o700, FOLDER), "keys/host": (0o600, b"secret"), "empty": (0o644, b"")})
    found, at = {}, 0
    while True:
        assert whole[at : at + 6] == b"070701"
        fields = [int(whole[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = whole[at + 110 : at + 109 + fields[11]].decode()
        start = at + (110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            break
        found[name] = (fields[1], whole[start : start + fields[6]])
        at = start + (fields[6] + 3) // 4 * 4
    assert found == {"keys": (0o40700, b""), "keys/host": (0o100600, b"secret"), "empty": (0o100644, b"")}
    assert len(whole) % 4 == 0  # another archive follows


def test_max_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match="compute wrong results"):
        check_cpu("max", "--virtual")
    with pytest.raises(ConfigError, match="cortex-a76"):
        check_cpu("cortex-a99", "--virtual")


@pytest.mark.parametrize("name", target_names(Path()))
def test_every_arm_target_whose_core_qemu_has_says_so(name: str) -> None:
    target = find_target(name, Path())
    core = (target.hardware.cpu or "").lower()
    expected = core if target.hardware.isa == "aarch64" and core in CPUS else None
    assert target.virtual_cpu == expected


def changed(target: str, **hardware: object) -> Target:
    found = find_target(target, Path())
    return found.model_copy(update={"hardware": found.hardware.model_copy(update=hardware)})


def test_auto_takes_what_stands_for_the_target() -> None:
    assert cpu_for(AUTO, find_target("raspberry-pi-5", Path())) == "cortex-a76"
    assert cpu_for("cortex-a53", find_target("raspberry-pi-5", Path())) == "cortex-a53"
    with pytest.raises(ConfigError, match="add --target"):
        cpu_for(AUTO, None)
    with pytest.raises(ConfigError, match="no virtual processor stands for it"):
        cpu_for(AUTO, find_target("jetson-orin-nano-cpu", Path()))


@pytest.mark.parametrize("target", ["intel-n100", "intel-atom-x7", "host-litert"])
def test_another_kind_of_processor_is_refused(target: str) -> None:
    with pytest.raises(ConfigError, match="64-bit ARM"):
        cpu_for("cortex-a76", find_target(target, Path()))
    with pytest.raises(ConfigError, match="armv7"):
        cpu_for("cortex-a76", changed("raspberry-pi-5", isa="armv7"))


def test_an_entry_written_by_hand_is_checked_too() -> None:
    bad = {"name": "x", "transport": "ssh", "virtual": {"cpu": "max"}}
    with pytest.raises(ConfigError, match=r"virtual\.cpu"):
        spec_of(DeviceEntry.model_validate(bad))
    with pytest.raises(ConfigError, match="ssh or adb"):
        spec_of(DeviceEntry.model_validate({**bad, "transport": "local", "virtual": {"cpu": "cortex-a72"}}))
    with pytest.raises(ConfigError, match="is not virtual"):
        spec_of(DeviceEntry.model_validate({"name": "x", "transport": "ssh", "address": "host"}))


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_path", lambda: "/nowhere")
    with pytest.raises(DeviceError) as caught:
        tools.need(*tools.TO_BOOT)
    assert "qemu-system-arm qemu-utils" in caught.value.message
    assert "scripts/board_packages" in caught.value.message


def test_only_root_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DeviceError, match="built by root"):
        tools.need_root()


DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://mirror.example/security
Suites: trixie-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: trixie
Components: main

Types: deb
URIs: http://vendor.example/apt
Suites: trixie
Components: stable
"""
ONE_LINE = (
    "deb [arch=amd64 signed-by=/keys/d.gpg] http://mirror.example/debian bookworm main # it\ndeb-src http://x y z\n"
)


def machine(folder: Path, release: str, name: str, text: str) -> tuple[Path, Path]:
    (folder / "sources.list.d").mkdir()
    (folder / name).write_text(text)
    (folder / "os-release").write_text(f'ID=debian\nVERSION_CODENAME={release}\nNAME="x"\n')
    return folder, folder / "os-release"


def test_the_machines_own_mirror_serves_the_boards_release(tmp_path: Path) -> None:
    text = debian_sources("bookworm", *machine(tmp_path, "trixie", "sources.list.d/debian.sources", DEB822))
    stanzas = text.strip().split("\n\n")
    assert len(stanzas) == 2
    assert "Suites: bookworm bookworm-updates" in stanzas[0]
    assert "Signed-By: /keys/debian.gpg" in stanzas[0]
    assert "security" in stanzas[1]
    assert "vendor" not in text
    assert "off.example" not in text


def test_sources_of_one_line_each_are_read(tmp_path: Path) -> None:
    text = debian_sources("trixie", *machine(tmp_path, "bookworm", "sources.list", ONE_LINE))
    assert text == (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\nSigned-By: /keys/d.gpg\n"
    )


def test_a_machine_without_debian_is_told_so(tmp_path: Path) -> None:
    apt, os_release = machine(tmp_path, "noble", "sources.list", ONE_LINE)
    with pytest.raises(DeviceError, match="no apt source"):
        debian_sources("bookworm", apt, os_release)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path / "devices"))
    monkeypatch.setattr(image_module, "need", lambda *programs: None)
    monkeypatch.setattr(image_module, "need_root", lambda: None)
    return tmp_path


def makes(calls: list[Path], wait_s: float = 0.0) -> object:
    def make(scratch: Path, made: Path, say: object) -> None:
        calls.append(scratch)
        time.sleep(wait_s)
        (made / "disk.img").write_bytes(b"disk")
        (made / "vmlinuz").write_bytes(b"kernel")
        image_module._describe(made, "6.1", (Path("libc6_2_arm64.deb"),))

    return make


def test_two_builders_at_once_build_one_image(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    found = []
    monkeypatch.setattr(image_module, "_make", makes(calls, 0.3))
    threads = [threading.Thread(target=lambda: found.append(board_image())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({image.about.build for image in found}) == 1
    assert board_image().about.kernel == "6.1"


def test_a_damaged_image_is_built_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []
    monkeypatch.setattr(image_module, "_make", makes(calls))
    image = board_image()
    image.disk.chmod(0o644)
    image.disk.write_bytes(b"cut")
    assert board_image().about.build != image.about.build
    assert len(calls) == 2


KILLED = """
import os, signal
from edgebuild.devices.board import image
image.need, image.need_root = (lambda *programs: None), (lambda: None)
def make(scratch, made, say):
    (made / "disk.img").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
image._make = make
image.board_image()
"""


def test_a_killed_builder_leaves_no_image_and_its_litter_goes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    home = boards_folder() / "images"
    assert len(list(home.glob("*.partial"))) == 1
    monkeypatch.setattr(image_module, "_make", makes([]))
    image = board_image()
    assert [path.name for path in home.iterdir() if path.is_dir()] == [image.folder.name]


def test_a_disk_lies_on_one_build_of_the_image(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "_make", makes([]))
    made: list[str] = []

    def create(argv: list[str]) -> str:
        made.append(argv[-1])
        return ""

    monkeypatch.setattr(disk_module, "call", create)
    image = board_image()
    assert disk_for("pi", image, keep=False) == Disk(path=image.disk, format="raw")
    own = disk_for("pi", image, keep=True)
    assert own == disk_for("pi", image, keep=False) == disk_for("pi", image, keep=True)
    assert len(made) == 1
    other = image.model_copy(update={"about": image.about.model_copy(update={"build": "another"})})
    with pytest.raises(DeviceError, match="devices setup pi"):
        disk_for("pi", other, keep=False)
    disk_for("pi", other, keep=True)
    assert len(made) == 2
    assert not list(own.path.parent.glob("*.partial"))


def test_devices_of_one_name_in_two_homes_are_two(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = own_folder("pi")
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(cache / "others"))
    assert own_folder("pi") != first


def test_a_state_that_is_garbage_or_stale_is_no_board(cache: Path) -> None:
    state = own_folder("pi") / "up.json"
    state.parent.mkdir(parents=True)
    for text in ("", "{}", "[1]", '{"folder": "/nowhere"}'):
        state.write_text(text)
        assert board_up("pi") is None
    gone = '{"folder": "/nowhere", "name": "pi", "spec": {"cpu": "x", "memory_mib": 1}, "ports": {"ssh": 1}, '
    state.write_text(gone + '"versions": {}}')
    assert board_up("pi") is None


KEEPER = Path(image_module.__file__).with_name("keeper.py")


def kept(folder: Path, how: str, *commands: list[str], passed: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "commands.json").write_text(json.dumps(commands))
    argv = [sys.executable, "-I", "-S", str(KEEPER), str(folder), how]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=passed)


def test_the_keeper_ends_all_when_its_line_closes(tmp_path: Path) -> None:
    keeper = kept(tmp_path / "b", "while-read", ["sleep", "60"], ["sleep", "61"])
    eventually((tmp_path / "b/keeper.pid").exists, "it has begun")
    children = _children(keeper.pid)
    assert len(children) == 2
    assert keeper.stdin is not None
    keeper.stdin.close()
    assert keeper.wait(LIMIT_S) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert not (tmp_path / "b").exists()


def test_what_a_board_said_stays_when_it_ends_by_itself(tmp_path: Path) -> None:
    keeper = kept(tmp_path / "b", "while-read", ["sh", "-c", "echo why >&2"], ["sleep", "61"])
    with keeper:
        assert keeper.wait(LIMIT_S) == 0
    assert (tmp_path / "b/sh.log").read_text() == "why\n"


def test_a_boards_folder_is_held_until_its_last_process_is_gone(tmp_path: Path) -> None:
    """A board whose keeper was killed is not off while QEMU still ends; a grandchild stands for it, and ends later."""
    held, seconds = claim(tmp_path, "b-", folder=True), sleep_of_its_own()
    keeper = kept(held.path, "while-read", ["sh", "-c", f"sleep {seconds} & wait"], passed=(held.descriptor,))
    held.let_go()
    with keeper:
        eventually(lambda: running(f"^sleep {seconds}"), "the grandchild runs")
        keeper.kill()
    eventually(lambda: len(running(seconds)) == 1, "the child went with the keeper")
    assert is_held(held.path)
    os.kill(*running(seconds), signal.SIGKILL)
    eventually(lambda: not is_held(held.path), "nobody holds it")


def test_a_board_is_switched_off_while_it_is_just_being_started(cache: Path) -> None:
    held, seconds = claim(cache, "b-", folder=True), sleep_of_its_own()
    (held.path / "commands.json").write_text(json.dumps([["sleep", seconds]]))
    line = boot_module._launch(held, stay=False)
    held.let_go()
    board = boot_module.Running(folder=held.path, name="pi", spec=PI, ports=Ports(ssh=4022), versions={})
    boot_module.Booted(board, line).off()
    assert not board.is_up()
    assert not held.path.exists()
    assert running(seconds) == []


def test_a_child_whose_keeper_is_gone_already_ends(tmp_path: Path) -> None:
    code = f"import runpy; runpy.run_path({str(KEEPER)!r})['die_with'](1 << 30); print('lives on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
