"""Where a model's operators run on a target: as its compiler put them, or as its rules say, with what to change."""

from __future__ import annotations

from edgebuild.backends.base import Backend, Files
from edgebuild.compilers import find_compiler
from edgebuild.compilers.base import Compiled
from edgebuild.core.artifact import Placed, Placement
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.operator import Operator
from edgebuild.core.target import CONFIG, Target
from edgebuild.placement import find_rules

_SUSPECTS = 5


def compile_for(target: Target, backend: Backend, files: Files) -> Compiled:
    """Compile for a target that has a compiler; what it leaves to the CPU is told with the rule and what to change.

    Raises:
        ConfigError: the target's file asks for what there is not.
        BuildError: the compiler is not installed, or it failed.
    """
    assert target.compiler is not None
    _check(target)
    try:
        made = find_compiler(target.compiler.name).compile(files, target.compiler.options)
    except BuildError as error:
        raise _with_suspects(error, target, backend, files) from error
    return Compiled(made.files, _explained(made.placement, target, backend, files), made.estimates)


def place(target: Target, backend: Backend, files: Files) -> Placement | None:
    """Where operators will run: by the compiler where it is installed, else by the rules; None: neither is known.

    Raises:
        ConfigError, BuildError: as ``compile_for``.
    """
    if target.compiler is not None and find_compiler(target.compiler.name).version():
        return compile_for(target, backend, files).placement
    if target.operators.rules is None:
        return None
    return find_rules(target.operators.rules).place(backend.facts(files))


def _with_suspects(error: BuildError, target: Target, backend: Backend, files: Files) -> BuildError:
    """A compiler's failure with the operators that the accelerator's rules refuse: likely what it is about."""
    refused = _refused(target, backend, files)
    if not refused:
        return error
    told = "\n".join(f"{op.kind} {op.name}: {why}" for op, why in refused[:_SUSPECTS])
    more = f"\nand {len(refused) - _SUSPECTS} more" if len(refused) > _SUSPECTS else ""
    title = find_rules(str(target.operators.rules)).title
    found = f"{error.found}\nby the rules of {title} this is not for it:\n{told}{more}"
    return BuildError(error.subject, found, expected=error.expected, fix=error.fix)


def _explained(placement: Placement, target: Target, backend: Backend, files: Files) -> Placement:
    """What is left to the CPU with the rules' reasons beside the compiler's."""
    if not placement.fallbacks:
        return placement
    refusals = {operator.name: why for operator, why in _refused(target, backend, files)}

    def explained(op: Placed) -> Placed:
        why = refusals.get(op.op, "") if op.unit == "cpu" else ""
        return op.model_copy(update={"rule": f"{op.rule} ({why})"}) if why else op

    return placement.model_copy(update={"ops": tuple(map(explained, placement.ops))})


def _refused(target: Target, backend: Backend, files: Files) -> list[tuple[Operator, str]]:
    """The operators that the target's rules refuse, and why; none where it has no rules."""
    if target.operators.rules is None:
        return []
    book = find_rules(target.operators.rules)
    return [(operator, why) for operator in backend.facts(files) if (why := book.refusal(operator))]


def _check(target: Target) -> None:
    assert target.compiler is not None
    compiler, given = find_compiler(target.compiler.name), target.compiler.options
    where = f"targets/{target.name}.toml"
    if CONFIG in given and not compiler.TAKES_CONFIG:
        raise ConfigError(where, f"[compiler] config: {compiler.TITLE} takes no configuration file", fix="take it out")
    if unknown := sorted(set(given) - {*compiler.OPTIONS, CONFIG}):
        expected = ", ".join(compiler.OPTIONS) or "none"
        raise ConfigError(where, f"[compiler.options] has {', '.join(unknown)}", expected=expected)
    if target.runtime not in compiler.RUNTIMES:
        expected = " or ".join(compiler.RUNTIMES)
        raise ConfigError(where, f"{compiler.TITLE} takes no {target.runtime} models", expected=f"runtime {expected}")
    if missing := [name for name in compiler.OPTIONS if name not in given]:
        raise ConfigError(where, f"[compiler.options] lacks {', '.join(missing)}", expected=", ".join(compiler.OPTIONS))
