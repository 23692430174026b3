"""Count models' instructions on one virtual board, boot after boot; every count is kept on disk at once.

A run that was cut goes on where it was: a count that was kept holds for as long as the model and everything that it was
counted with (QEMU, kernel, board, processor, wheels) are the same.

    python exact_counts.py DEVICE MODELS KEPT --boots 3
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from edgebuild.bench.bench import Bench
from edgebuild.bench.exact import exact_run, with_fixed_seed
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest, digest_bytes
from edgebuild.core.errors import ConfigError, EdgebuildError
from edgebuild.core.measurement import Run
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.opening import open_entry
from edgebuild.store.devices import find_device

RUNTIME = "onnxruntime"
FILE = "model.onnx"
"""All models have this name on the board, so that they differ in their bytes only."""


class Count(Frozen):
    """One model's run in one boot.

    Attributes:
        model: the digest of its bytes.
        toolchain: every version that the count stands on, with the processor that the board imitates.
        boot: its number. A boot that was cut is made up for by another one of the same number.
    """

    model: Digest
    toolchain: dict[str, str]
    boot: int
    run: Run


def read_counts(kept: Path) -> list[Count]:
    """The counts in a file, one a line; none if there is no file. A last line that a kill left torn is passed over.

    Raises:
        ConfigError: another line is no count.
    """
    lines = kept.read_bytes().split(b"\n") if kept.exists() else [b""]
    return [_count(kept, number, line) for number, line in enumerate(lines[:-1], 1)]


def _count(kept: Path, number: int, line: bytes) -> Count:
    try:
        return Count.model_validate_json(line)
    except ValidationError as error:
        raise ConfigError(f"{kept}, line {number}", "is no count", fix="remove the file, and count again") from error


def keep_count(kept: Path, count: Count) -> None:
    """Add one, and wait until it is on the disk. A torn last line is cut off first."""
    with kept.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(count.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def holding(
    counts: Iterable[Count], models: Collection[Digest], toolchain: Mapping[str, str]
) -> dict[tuple[Digest, int], Count]:
    """By model and boot, the counts of these models that were made with just this toolchain."""
    return {(each.model, each.boot): each for each in counts if each.model in models and each.toolchain == toolchain}


def count_boot(bench: Bench, models: Mapping[Digest, bytes], kept: Path, boot: int) -> dict[tuple[Digest, int], Count]:
    """Count what is not kept of one boot; all counts, of any boot, that hold with the board's versions.

    Raises:
        ConfigError, DeviceError, ModelRejected: as ``exact_run``; counts that were made before are kept.
    """
    toolchain = bench.toolchain(RUNTIME)
    held = holding(read_counts(kept), models, toolchain)
    for model, data in models.items():
        if (model, boot) not in held:
            run = exact_run(bench, RUNTIME, {FILE: data}, None, RuntimeOptions(), boot)
            held[model, boot] = Count(model=model, toolchain=toolchain, boot=boot, run=run)
            keep_count(kept, held[model, boot])
            print(f"{bench.device.name}, boot {boot + 1}: {len(held)} counted", file=sys.stderr)
    return held


def count_all(device: str, models: Mapping[Digest, bytes], kept: Path, boots: int) -> list[Count]:
    """One count of every model in each boot; errors as for ``count_boot``. The first boot is for its versions too."""
    held: dict[tuple[Digest, int], Count] = {}
    for boot in range(boots):
        if boot == 0 or any((model, boot) not in held for model in models):
            with Bench(with_fixed_seed(open_entry(find_device(device), exact=True))) as bench:
                held = count_boot(bench, models, kept, boot)
    return [count for (_, boot), count in sorted(held.items()) if boot < boots]


def main() -> int:
    """Count; the counts that hold go to stdout, one a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", help="the name of a virtual device that is set up")
    parser.add_argument("models", type=Path, help="a folder of ONNX models")
    parser.add_argument("kept", type=Path, help="the file that keeps the counts")
    parser.add_argument("--boots", type=int, default=3)
    options = parser.parse_args()
    models = {digest_bytes(data): data for data in (path.read_bytes() for path in sorted(options.models.iterdir()))}
    try:
        for count in count_all(options.device, models, options.kept, options.boots):
            print(count.model_dump_json())
    except EdgebuildError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
