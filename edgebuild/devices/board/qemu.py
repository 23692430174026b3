"""How QEMU is asked for a board: pure text, no process."""

from __future__ import annotations

from pathlib import Path

from edgebuild.core.base import Frozen

SSH_INSIDE = 22
ADB_INSIDE = 5555


class Spec(Frozen):
    """The board that is asked for.

    Attributes:
        exact: its clock counts executed instructions, one nanosecond each, and addresses are the same in every boot.
        keep: what it writes to its disk stays; otherwise it is forgotten when the board is off.
        adb: Android's daemon is reached too.
    """

    cpu: str
    memory_mib: int
    exact: bool = False
    keep: bool = False
    adb: bool = False


class Disk(Frozen):
    """A disk's file and its format."""

    path: Path
    format: str


class Ports(Frozen):
    """Ports of this machine's loopback address: to the board's ssh and adb daemons, and of the adb server."""

    ssh: int
    adb: int | None = None
    adb_server: int | None = None


def qemu_command(spec: Spec, disk: Disk, ports: Ports, *, kernel: Path, folder: Path) -> list[str]:
    """The command that runs a board in the foreground until it is switched off.

    The board reaches nothing outside: its network is closed but for the ports that lead into it. ``folder`` has its
    ``initrd`` and takes its ``console``.
    """
    drive = f"if=none,id=disk,file={_escaped(disk.path)},format={disk.format},snapshot={'off' if spec.keep else 'on'}"
    return [
        "qemu-system-aarch64", "-M", "virt", "-cpu", spec.cpu, "-smp", "1", "-m", f"{spec.memory_mib}M",
        "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
        "-serial", f"file:{_escaped(folder / 'console')}",
        "-kernel", str(kernel), "-initrd", str(folder / "initrd"), "-append", _kernel_line(spec),
        "-drive", drive, "-device", "virtio-blk-device,drive=disk",
        "-netdev", f"user,id=net,restrict=on,{_forwards(ports)}", "-device", "virtio-net-device,netdev=net",
        "-device", "virtio-rng-device",
        *(("-icount", "shift=0,sleep=off") if spec.exact else ()),
    ]  # fmt: skip


def _kernel_line(spec: Spec) -> str:
    fixed = " norandmaps nokaslr" if spec.exact else ""
    return f"console=ttyAMA0 quiet panic=-1{fixed}"


def _forwards(ports: Ports) -> str:
    inside = [(ports.ssh, SSH_INSIDE), *([(ports.adb, ADB_INSIDE)] if ports.adb else [])]
    return ",".join(f"hostfwd=tcp:127.0.0.1:{outer}-:{inner}" for outer, inner in inside)


def _escaped(path: Path) -> str:
    """A comma ends a value in QEMU's options; two stand for one."""
    return str(path).replace(",", ",,")
