"""One comparison of scripts/pruning_compared: ours at a share of the dense latency, and each of theirs beside it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from compared_projects import SUBJECTS, WEIGHTS
from compared_records import OURS, Cell, Record, keep, packed, read
from compared_rivals import METHODS, quantized
from compared_stall import Stall, int8_of, matched

from edgebuild.bench.bench import Bench
from edgebuild.core.artifact import Manifest
from edgebuild.devices.transports.local import open_local

PRUNING = """
[pruning]
keep = {keep}
cost = "latency"

[recovery]
{recovery}
"""


def ours(stall: Stall, cell: Cell) -> tuple[Record, bytes]:
    """What edgebuild makes, by its own command."""
    began = time.monotonic()
    told = {"seed": cell.seed, **stall.subject.recovery.model_dump(exclude_defaults=True, exclude={"seed"})}
    recovery = "\n".join(f"{name} = {json.dumps(value)}" for name, value in told.items())
    asked = stall.asked(cell.point)
    bundle = stall.built(f"{cell.point:g}-{cell.seed}", PRUNING.format(keep=asked, recovery=recovery))
    model, manifest = int8_of(bundle), bundle.manifest
    record = read(stall.work, cell, OURS)
    if record is None:
        relative = stall.relative(model, sha256(model).hexdigest()[:16])
        how = f"keep {asked:g}"
        record = _scored(
            stall, Record(OURS, how, _setting(manifest), macs=_macs(manifest), relative=relative), model, began
        )
        keep(stall.work, cell, record)
    return record, model


def theirs(stall: Stall, cell: Cell, by: str, own: tuple[Record, bytes]) -> Record:
    """One of theirs at the latency of ours: pruned, trained as ours, quantized by the setting that is best."""
    began = time.monotonic()
    match = matched(stall, METHODS[by], own[0].relative)
    settings = stall.subject.recovery.model_copy(update={"seed": cell.seed})
    say = lambda text: tell(f"{cell.name}, {by}: {text}")  # noqa: E731
    trained = stall.recovered(stall.dense.batched(match.module), settings, say)
    match.module.load_state_dict(trained.state)
    found = [
        (stall.right(model, stall.dense.selection).mean(), setting, model)
        for setting, model in quantized(stall.runtime, match.module, stall.calibration)
    ]
    _, setting, model = max(found, key=lambda each: each[0])
    record = Record(
        by,
        f"{match.ratio:.3g}, multiples of {match.round_to}",
        setting,
        macs=match.macs,
        relative=match.relative,
        slower=stall.slower(model, own[1]),
    )
    record = _scored(stall, record, model, began)
    keep(stall.work, cell, record)
    return record


def compared(work: Path, cell: Cell) -> None:
    """All that is missing of a cell."""
    with Bench(open_local()) as bench:
        stall = Stall(work, SUBJECTS[cell.subject], cell.runtime, bench)
        own = ours(stall, cell)
        tell(f"{cell.name}: {line(own[0])}")
        for by in METHODS:
            if read(work, cell, by) is None:
                tell(f"{cell.name}: {line(theirs(stall, cell, by, own))}")


def line(record: Record) -> str:
    """For people who watch."""
    beside = "" if record.slower is None else ", {:.3f} ({:.3f} to {:.3f}) of ours".format(*record.slower)
    return (
        f"{record.by}, {record.how}, {record.setting}: {100 * record.told.mean():.2f} % "
        f"(selection {record.selection:.2f} %), latency {record.relative:.3f} of dense{beside}, "
        f"{record.macs / 1e6:.2f} M MACs, {record.seconds:.0f} s"
    )


def tell(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _scored(stall: Stall, record: Record, model: bytes, began: float) -> Record:
    """With the accuracy of the very model, in its runtime; here alone are the test images read."""
    right = stall.right(model, stall.dense.evaluation)
    return dataclasses.replace(
        record,
        selection=100 * float(stall.right(model, stall.dense.selection).mean()),
        count=len(right),
        right=packed(right),
        seconds=round(time.monotonic() - began, 1),
        dense=sha256((stall.dense.root / WEIGHTS).read_bytes()).hexdigest()[:16],
        commit=_commit(),
    )


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True, text=True).stdout.strip()


def _setting(manifest: Manifest) -> str:
    return next(one.setting for one in manifest.parts[0].variants if one.precision == "int8")


def _macs(manifest: Manifest) -> float:
    compression = manifest.compression
    return compression.steps[-1].macs if compression is not None else 0.0
