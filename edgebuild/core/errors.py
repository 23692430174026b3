"""The tree of errors, sorted by whose fault it is; each branch has one exit code.

A message gives the subject, what was found, what was expected and what to do next.
Libraries' own exceptions are mapped into this tree once, at the edge that calls them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_BUILD = 3
EXIT_INCONCLUSIVE = 4
EXIT_DEVICE = 5
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130

_WORST_FIRST = (
    EXIT_INTERRUPTED,
    EXIT_INTERNAL,
    EXIT_USAGE,
    EXIT_BUILD,
    EXIT_FAIL,
    EXIT_DEVICE,
    EXIT_INCONCLUSIVE,
    EXIT_PASS,
)


def worst_exit(codes: Iterable[int]) -> int:
    """The exit code of several outcomes: 130 > 70 > 2 > 3 > 1 > 5 > 4 > 0; of none at all, 70."""
    present = set(codes)
    return next((code for code in _WORST_FIRST if code in present), EXIT_INTERNAL)


class EdgebuildError(Exception):
    """An error that edgebuild foresaw.

    Args:
        subject: what it is about: a file, a field, a stage, a device.
        found: what was found there.
        expected: what was expected instead, if that helps.
        fix: what to do next.
    """

    exit_code: ClassVar[int] = EXIT_INTERNAL

    def __init__(self, subject: str, found: str, *, expected: str = "", fix: str = "") -> None:
        self.subject, self.found, self.expected, self.fix = subject, found, expected, fix
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The whole message on one or more lines, without a trailing newline."""
        text = f"{self.subject}: {self.found}"
        if self.expected:
            text += f"\n  expected: {self.expected}"
        if self.fix:
            text += f"\n  to fix: {self.fix}"
        return text


class ConfigError(EdgebuildError):
    """The command line, a TOML file or the user's data is wrong. Trying again does not help."""

    exit_code = EXIT_USAGE


class ConfigErrors(ConfigError):
    """Several configuration errors at once: everything wrong in one file is said in one go."""

    def __init__(self, subject: str, problems: Iterable[ConfigError]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(subject, f"{count} problem{'s' if count != 1 else ''}")

    @property
    def message(self) -> str:
        return "\n".join([f"{self.subject}: {self.found}", *(p.message for p in self.problems)])


class BuildError(EdgebuildError):
    """A stage of the build failed. The stage is named; what was ``done`` before it stays in the cache."""

    exit_code = EXIT_BUILD

    def __init__(self, stage: str, found: str, *, expected: str = "", fix: str = "") -> None:
        self.stage = stage
        self.done: tuple[str, ...] = ()
        super().__init__(stage, found, expected=expected, fix=fix)

    @property
    def message(self) -> str:
        done = f"\n  done before: {', '.join(self.done)}" if self.done else ""
        return super().message + done


class Untrainable(BuildError):
    """The model can't be trained: it does not take batches, its samples depend on one another there, or torch can't."""


class BundleError(EdgebuildError):
    """A bundle is broken, edited, truncated or of a schema this version does not read."""

    exit_code = EXIT_USAGE


class DeviceError(EdgebuildError):
    """The device or the link to it failed. Never a statement about the model."""

    exit_code = EXIT_DEVICE

    def __init__(self, device: str, found: str, *, expected: str = "", fix: str = "", transient: bool = False) -> None:
        self.transient = transient
        super().__init__(device, found, expected=expected, fix=fix)


class ModelRejected(EdgebuildError):
    """The model twice failed to load on a device whose self-test passes: the model's fault."""

    exit_code = EXIT_FAIL


class NotMeasured(EdgebuildError):
    """A required check could not be made, so nothing is claimed."""

    exit_code = EXIT_INCONCLUSIVE


class Interrupted(EdgebuildError):
    """The user stopped the command. What was finished is kept."""

    exit_code = EXIT_INTERRUPTED
