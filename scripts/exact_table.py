"""The tables of instructions, and what has to hold of the counts in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgebuild.core.verdict import Line
from edgebuild.judge.exact import REPEATS

Counts = Mapping[tuple[str, str, str], Sequence[int]]
"""(processor, model, precision) to the count of each boot."""

PRECISIONS = ("float32", "int8")


def spread(counts: Sequence[int]) -> float:
    """How far the largest count is above the smallest, as a share."""
    return max(counts) / min(counts) - 1.0


def table(counts: Counts, cpus: Sequence[str]) -> str:
    """A line for each model and precision: instructions on each processor with their spread over boots, and ratios."""
    first, second = cpus
    heads = ["model", "precision", *(f"{cpu}, spread" for cpu in cpus), f"{second} / {first}", "float / int8"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for model in sorted({model for _, model, _ in counts}):
        for precision in PRECISIONS:
            cells = [_cell(counts.get((cpu, model, precision))) for cpu in cpus]
            ratios = [
                _ratio(counts.get((second, model, precision)), counts.get((first, model, precision))),
                _ratio(counts.get((first, model, "float32")), counts.get((first, model, "int8")))
                if precision == "int8"
                else "",
            ]
            lines.append("| " + " | ".join([model, precision, *cells, *ratios]) + " |")
    return "\n".join(lines)


def _cell(counts: Sequence[int] | None) -> str:
    return f"{sorted(counts)[len(counts) // 2]:,}, {100 * spread(counts):.3f} %" if counts else "–"


def _ratio(above: Sequence[int] | None, below: Sequence[int] | None) -> str:
    if not above or not below:
        return "–"
    low, high = min(above) / max(below), max(above) / min(below)
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.3f} to {high:.3f}"


def edits_table(edits: Mapping[tuple[str, str], Line]) -> str:
    """A line for each edit and processor: its share of the instructions, and what was judged of it."""
    lines = ["| edit | processor | instructions more | verdict |", "|---|---|---|---|"]
    for (edit, cpu), line in edits.items():
        change = "–" if line.low is None or line.high is None else f"{line.low:+.3f} % to {line.high:+.3f} %"
        verdict = f"{line.outcome.value}: {line.reason}" if line.reason else line.outcome.value
        lines.append(f"| {edit} | {cpu} | {change} | {verdict} |")
    return "\n".join(lines)


def lacking(counts: Counts, cpus: Sequence[str], models: Sequence[str], boots: int) -> list[str]:
    """What was counted in fewer boots than wanted, or not at all."""
    wanted = [(cpu, model, precision) for cpu in cpus for model in models for precision in PRECISIONS]
    return [
        f"{_named(key)}: counted in {len(counts.get(key, ()))} boots of {boots}"
        for key in dict.fromkeys((*wanted, *counts))
        if len(counts.get(key, ())) < boots
    ]


def unsteady(counts: Counts) -> list[str]:
    """What does not repeat."""
    return [
        f"{_named(key)}: does not repeat, its counts differ by {100 * spread(each):.3f} %"
        for key, each in counts.items()
        if each and spread(each) > REPEATS
    ]


def mixed(counts: Counts, cpus: Sequence[str]) -> list[str]:
    """Where int8 and float do not lie apart on a processor, or int8 on the two processors does not."""
    models = sorted({model for _, model, _ in counts})
    pairs = [((cpu, model, "float32"), (cpu, model, "int8")) for model in models for cpu in cpus]
    pairs += [((cpus[0], model, "int8"), (cpus[1], model, "int8")) for model in models]
    return [
        f"{_named(one)} and {_named(other)} do not lie apart"
        for one, other in pairs
        if not apart(counts.get(one, ()), counts.get(other, ()))
    ]


def apart(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether all counts of one are above all of the other by more than what repeats may differ; not if one lacks."""
    if not one or not other:
        return False
    return any(min(above) > max(below) * (1 + REPEATS) for above, below in ((one, other), (other, one)))


def _named(key: tuple[str, str, str]) -> str:
    cpu, model, precision = key
    return f"{model} {precision} on {cpu}"
