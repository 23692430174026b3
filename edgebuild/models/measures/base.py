"""What a measure is given, and what it says: right or wrong a unit, or a score of any sample of the units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edgebuild.core.array import Array, Booleans, Floats, Indices, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.scorers import Scorer


@dataclass(frozen=True, eq=False)
class Case:
    """One model's answers to N samples.

    Attributes:
        metric: its name, for messages.
        labels: as the metric's declaration says; None where it takes none.
        outputs: after the ``post`` steps, each (N, …).
        twin: the float twin's, for metrics that compare with it.
        groups: (N,), or None.
        classes: how many there are, where the project says it.
        inputs, scorer: for scores of the project's own.
    """

    metric: str
    labels: Array | None
    outputs: Sequence[Array]
    twin: Sequence[Array] | None = None
    groups: Integers | None = None
    classes: int | None = None
    inputs: Mapping[str, Array] = field(default_factory=dict)
    scorer: Scorer | None = None

    @property
    def known(self) -> Array:
        """The labels of a metric that takes some."""
        assert self.labels is not None
        return self.labels

    @property
    def units(self) -> Indices:
        """For each sample its unit, numbered from 0: the sample itself, or its group."""
        if self.groups is None:
            return np.arange(len(self.outputs[0]), dtype=np.intp)
        units: Indices = np.unique(self.groups, return_inverse=True)[1].reshape(-1)
        return units

    def labels_of_units(self) -> Array:
        """One label a unit.

        Raises:
            ConfigError: samples of one group have different ones.
        """
        if self.groups is None:
            return self.known
        _, first = np.unique(self.groups, return_index=True)
        differ = (self.known != self.known[first][self.units]).reshape(len(self.known), -1).any(axis=1)
        if differ.any():
            raise ConfigError(
                "[data] groups",
                f"group {int(self.groups[np.argmax(differ)])} has samples of different labels",
                expected="one label a group",
            )
        return self.known[first]

    def averaged(self, rows: Floats) -> Floats:
        """Rows (N, D) of the samples, averaged over each unit: (units, D)."""
        if self.groups is None:
            return rows
        units = self.units
        total = np.zeros((int(units.max()) + 1, rows.shape[1]))
        np.add.at(total, units, rows)
        means: Floats = total / np.bincount(units)[:, None]
        return means


@dataclass(frozen=True, eq=False)
class Counted:
    """Units that are right or wrong.

    Attributes:
        right: (units,).
        answers: (units,), of which two models that agree give the same.
    """

    right: Booleans
    answers: Integers


@dataclass(frozen=True, eq=False)
class Pooled:
    """A score of all units together.

    Attributes:
        score: from how often each row counts, (rows,), to 0..1.
        units: (rows,), the unit that each row belongs to: rows of one unit are drawn together.
        strata: (units,), within which units are drawn, so that each is always there; None: all are one.
    """

    score: Callable[[Floats], float]
    units: Indices
    strata: Integers | None = None

    @property
    def value(self) -> float:
        """Of the rows as they are."""
        return self.score(np.ones(len(self.units)))


Measure = Callable[[Case], Counted | Pooled]


def mean_of(values: Floats, units: Indices) -> Pooled:
    """The plain mean of one value a row."""
    return Pooled(lambda weights: float(values @ weights / weights.sum()), units)
