"""The virtual ARM64 board: a Linux machine made of Debian packages, with its own kernel and memory, under QEMU."""
