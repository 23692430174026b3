"""What a board's image is made of. Changing anything here, or in the files that build it, makes another image."""

from __future__ import annotations

from pathlib import Path

from edgebuild.core.digest import Digest, digest_bytes

RELEASE = "bookworm"
"""The Debian release of the board: Python 3.11, kernel 6.1."""

ADBD_RELEASE = "trixie"
"""The first release with Android's daemon for 64-bit ARM; it runs with that release's own libraries."""

PACKAGES = (
    "base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "gawk", "grep", "gzip", "hostname",
    "iproute2", "kmod", "libatomic1", "libc-bin", "libgcc-s1", "libgomp1", "libstdc++6", "login", "mount",
    "openssh-client", "openssh-server", "openssh-sftp-server", "passwd", "procps", "python3", "python3-minimal", "sed",
    "tar", "util-linux",
)  # fmt: skip
"""The system and the libraries that runtimes stand on. No runtime: those come by ``devices setup``."""

KERNEL = "linux-image-cloud-arm64"
BUSYBOX = "busybox-static"
ADBD = "adbd"

MODULES = (
    "drivers/virtio/virtio", "drivers/virtio/virtio_ring", "drivers/virtio/virtio_mmio", "drivers/block/virtio_blk",
    "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net", "drivers/char/hw_random/virtio-rng",
)  # fmt: skip
"""What the kernel needs to reach QEMU's disk, network and random numbers."""

DISK_MIB = 2048

GUEST = Path(__file__).with_name("guest")
"""The board's own scripts and settings."""

_BUILDERS = ("cpio.py", "image.py", "packages.py", "recipe.py", "rootfs.py")


def recipe_digest() -> Digest:
    """The identity of the recipe: its sources and the board's own files."""
    here = Path(__file__).parent
    files = [here / name for name in _BUILDERS] + sorted(path for path in GUEST.iterdir() if path.is_file())
    return digest_bytes(b"\n".join(f"{file.name} {digest_bytes(file.read_bytes())}".encode() for file in files))
