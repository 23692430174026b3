"""What samples must be: each check has one message that says what is wrong, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.quality_metric import CLASS_NUMBERS, LabelRule
from edgebuild.core.signature import Shape
from edgebuild.models.label_checks import check_labels
from edgebuild.models.samples import Samples, in_rows, prepare_chunks

RESERVED = ("labels", "groups")


def check_names(arrays: Mapping[str, object], specs: Mapping[str, InputSpec], subject: str) -> None:
    """Every input has its array, and there is no array that is no input.

    Raises:
        ConfigError: naming the missing and the unknown ones.
    """
    _refuse_states(arrays, specs, subject)
    specs = {name: spec for name, spec in specs.items() if not spec.is_state}
    given = [name for name in arrays if name not in RESERVED]
    missing = [name for name, spec in specs.items() if name not in arrays and spec.absent is None]
    unknown = [name for name in given if name not in specs]
    if given and not missing and not unknown:
        return
    found = f"has {', '.join(given) or 'no arrays'}"
    found += f"; missing: {', '.join(missing)}" if missing else f"; not an input of the model: {', '.join(unknown)}"
    near = [f"{hits[0]!r} to {name!r}" for name in missing if (hits := difflib.get_close_matches(name, unknown, 1))]
    if len(missing) == len(unknown) == 1:
        near = [f"{unknown[0]!r} to {missing[0]!r}"]
    raise ConfigError(
        subject,
        found,
        expected=f"an array for each input ({', '.join(specs)}), and if needed labels and groups",
        fix=f"rename: {', '.join(near)}" if near else "name the arrays as the model's inputs",
    )


def check_samples(
    samples: Samples, specs: Mapping[str, InputSpec], subject: str, rule: LabelRule = CLASS_NUMBERS
) -> None:
    """Refuse samples that are empty, misshapen, not finite, constant, or whose labels do not match.

    Args:
        rule: what the labels must be.

    Raises:
        ConfigError: naming the input, the first bad sample and what to do.
    """
    check_counts(samples, subject)
    check_labels(samples.labels, rule, subject, _image_size(specs))
    _check_time(samples, specs, subject)
    rows = in_rows(samples, specs)
    constant = [_check_input(name, array, specs[name], subject) for name, array in rows.items()]
    if all(constant):
        raise ConfigError(
            subject,
            f"constant: all {len(samples)} samples are the same"
            if len(samples) > 1
            else "constant: its only sample holds one value throughout",
            expected="different, representative samples",
            fix="check how the samples are read",
        )


def check_counts(samples: Samples, subject: str) -> None:
    """Refuse empty sets, and inputs, labels and groups whose numbers differ.

    Raises:
        ConfigError: with the numbers.
    """
    counts = {name: len(array) if array.ndim else 0 for name, array in samples.inputs.items()}
    if not counts or 0 in counts.values():
        raise ConfigError(subject, "empty: there is no sample", expected="at least one sample", fix="check the source")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise ConfigError(subject, f"the inputs have different numbers of samples ({listed})", expected="equal numbers")
    for name in RESERVED:
        _check_count(name, getattr(samples, name), len(samples), subject)
    if (groups := samples.groups) is not None and (groups.ndim != 1 or groups.dtype.kind not in "iub"):
        raise ConfigError(
            subject,
            f"groups are {groups.dtype} of shape {list(groups.shape)}",
            expected=f"integers of shape [{len(samples)}]",
            fix="give one number a sample",
        )


def _refuse_states(arrays: Mapping[str, object], specs: Mapping[str, InputSpec], subject: str) -> None:
    given = [name for name, spec in specs.items() if spec.is_state and name in arrays]
    if given:
        raise ConfigError(
            subject,
            f"holds {', '.join(given)}, which the model carries from step to step",
            expected="sequences of the other inputs, [N, T, …]: a state is zero in the first step of each",
            fix=f"leave {', '.join(given)} out of the samples",
        )


def _check_time(samples: Samples, specs: Mapping[str, InputSpec], subject: str) -> None:
    """Samples of a model with state have a time axis after the first, the same for every input."""
    if not any(spec.is_state for spec in specs.values()):
        return
    steps = {}
    for name, array in samples.inputs.items():
        spec, where = specs[name], f"{subject}, input {name!r}"
        if array.ndim < 2 or array.shape[1] == 0 or (not spec.pre and array.shape[2:] != spec.shape[1:]):
            raise ConfigError(
                where,
                f"sequences have shape {['N', *array.shape[1:]]}".replace("'", ""),
                expected=f"{['N', 'T', *spec.shape[1:]]}: T steps, each of shape = {list(spec.shape)}".replace("'", ""),
                fix="give the time axis after the first, which counts the sequences",
            )
        _check_finite(array, 0, where, "")
        steps[name] = array.shape[1]
    if len(set(steps.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in steps.items())
        raise ConfigError(subject, f"the inputs have different numbers of steps ({listed})", expected="equal numbers")


def _check_count(name: str, values: Array | None, count: int, subject: str) -> None:
    if values is not None and (found := len(values) if values.ndim else 0) != count:
        raise ConfigError(
            subject,
            f"{found} {name} for {count} samples",
            expected=f"{count} {name}",
            fix="check that both come from the same list",
        )


def _image_size(specs: Mapping[str, InputSpec]) -> tuple[int, int] | None:
    """Height and width of the first input whose layout names them."""
    pictured = [spec for spec in specs.values() if {"H", "W"} <= set(spec.layout)]
    return tuple(pictured[0].shape[pictured[0].layout.index(axis)] for axis in "HW") if pictured else None  # type: ignore[return-value]


def _check_input(name: str, array: Array, spec: InputSpec, subject: str) -> bool:
    where = f"{subject}, input {name!r}"
    if array.dtype.kind not in "fiub":
        raise ConfigError(where, f"the samples are {array.dtype}", expected=f"numbers that become {spec.dtype}")
    _check_finite(array, 0, where, "")
    start, first = 0, array[:1]
    _check_rank(array, spec, where)
    for chunk in prepare_chunks(name, array, spec):
        _check_shape(chunk.shape, array.shape, spec, where)
        _check_finite(chunk, start, where, " after the pre steps")
        start += len(chunk)
    varies = bool((array != first).any()) if len(array) > 1 else bool((array != array.flat[0]).any())
    return not varies


def _check_finite(array: Array, start: int, where: str, when: str) -> None:
    if array.dtype.kind != "f":
        return
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        bad = start + int(np.argmin(finite))
        raise ConfigError(
            where,
            f"sample {bad} holds NaN or infinity{when} ({int((~finite).sum())} such samples)",
            expected="finite values",
            fix="remove these samples, or repair how they are made",
        )


def _check_rank(array: Array, spec: InputSpec, where: str) -> None:
    if not spec.pre and array.shape[1:] != spec.shape[1:]:
        _check_shape(array.shape, array.shape, spec, where)


def _check_shape(prepared: Shape, raw: Shape, spec: InputSpec, where: str) -> None:
    if prepared[1:] == spec.shape[1:]:
        return
    steps = f" ({list(raw)} before the pre steps)" if prepared[1:] != raw[1:] else ""
    raise ConfigError(
        where,
        f"samples have shape {['N', *prepared[1:]]}{steps}".replace("'", ""),
        expected=f"{['N', *spec.shape[1:]]}, from shape = {list(spec.shape)}".replace("'", ""),
        fix=_shape_hint(prepared[1:], spec),
    )


def _shape_hint(sample: Shape, spec: InputSpec) -> str:
    wanted = spec.shape[1:]
    if len(sample) == 3 == len(wanted) and sample != wanted:
        if (sample[2], sample[0], sample[1]) == wanted:
            return _layout_hint("channels-last", "channels-first", "[0, 3, 1, 2]")
        if (sample[1], sample[2], sample[0]) == wanted:
            return _layout_hint("channels-first", "channels-last", "[0, 2, 3, 1]")
        axis = spec.layout.index("C") - 1 if "C" in spec.layout else 0
        if sample[axis] != wanted[axis] and sample[:axis] + sample[axis + 1 :] == wanted[:axis] + wanted[axis + 1 :]:
            return f"the samples have {sample[axis]} channels and the model takes {wanted[axis]}: convert the samples"
    if len(sample) == len(wanted) - 1:
        return "an axis is missing: the first axis counts the samples, and a single channel is an axis too"
    if len(sample) == len(wanted) + 1 and sample[1:] == wanted and sample[0] == 1:
        return "drop the second axis: samples have no batch axis of their own"
    return "correct the samples, or the shape under [model.inputs]"


def _layout_hint(given: str, wanted: str, order: str) -> str:
    return (
        f"this looks like a layout mistake: the samples are {given} and the model takes {wanted};"
        f' add the pre step {{ op = "transpose", order = {order} }}'
    )
