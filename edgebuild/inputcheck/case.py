"""What is checked: a model that can be run, its declared inputs, samples, and other declarations tried on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError, EdgebuildError
from edgebuild.core.input_check import InputCheck
from edgebuild.core.project import InputSpec
from edgebuild.core.quality_metric import MetricName
from edgebuild.inputcheck.declarations.alternative import Alternative
from edgebuild.inputcheck.declarations.alternatives import alternatives
from edgebuild.inputcheck.declarations.numbers import scaled
from edgebuild.inputcheck.declarations.steps import taken_apart, written
from edgebuild.inputcheck.fitted import fitted
from edgebuild.inputcheck.norm import FirstNorm
from edgebuild.inputcheck.running import Run
from edgebuild.inputcheck.scores import PAIRED, Scores, score
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.models.scorers import Scorer

LEAST_LABELLED = 50
"""Labelled units without which nothing is named."""
SHOWN = 40
"""Samples on which norms are compared and declarations are told apart."""
_LOOKED_AT = 8
"""Samples on which it is seen whether two declarations come to the same."""
_TOGETHER = 1 << 26
_WORD = 8


@dataclass(frozen=True)
class Trial:
    """Another declaration of one input of the case."""

    input: str
    alternative: Alternative


@dataclass(frozen=True, eq=False)
class Case:
    """All that the check is given.

    Attributes:
        samples: at most as many as the rules say, raw.
        run: the model, for prepared inputs of any number of samples.
        norm: what a torch model remembers.
        vocabulary: rows of the embedding by the input that looks it up.
        scorer: for auc.
    """

    specs: Mapping[str, InputSpec]
    samples: Samples
    run: Run
    metric: MetricName
    rules: InputCheck = field(default_factory=InputCheck)
    norm: FirstNorm | None = None
    vocabulary: Mapping[str, int] = field(default_factory=dict)
    scorer: Scorer | None = None

    @cached_property
    def few(self) -> Samples:
        """Some of the samples, evenly."""
        return self.samples.evenly(SHOWN)

    @cached_property
    def _looked_at(self) -> Samples:
        """Fewer still."""
        return self.few.evenly(_LOOKED_AT)

    @cached_property
    def labelled(self) -> int:
        """Units that can be scored; 0 where there are too few, or no metric."""
        labels = self.samples.labels
        if labels is None or self.metric not in PAIRED:
            return 0
        if self.metric == "auc" and set(labels.tolist()) != {0, 1}:
            return 0
        groups = self.samples.groups
        count = len(labels) if groups is None else len(np.unique(groups))
        return count if count >= LEAST_LABELLED else 0

    def prepared(self, samples: Samples, trial: Trial | None = None) -> dict[str, Array]:
        """What the model takes under the project's declaration, or another one."""
        return prepare_inputs(_remade(samples, trial), self._specs(trial))

    def redeclared(self, trial: Trial) -> Case:
        """The case with another declaration as the project's."""
        return replace(self, specs=self._specs(trial), samples=_remade(self.samples, trial))

    def _specs(self, trial: Trial | None) -> dict[str, InputSpec]:
        if trial is None:
            return dict(self.specs)
        spec = self.specs[trial.input].model_copy(update={"pre": trial.alternative.steps})
        return {**self.specs, trial.input: spec}

    def trials(self) -> list[Trial]:
        """The other declarations that give the model other inputs of the right shape, each once."""
        seen = {_fingerprint(self.prepared(self._looked_at))}
        found = []
        for trial in self._candidates():
            print_ = self._tried(trial)
            if print_ is not None and print_ not in seen:
                seen.add(print_)
                found.append(trial)
        return found

    def _candidates(self) -> Iterator[Trial]:
        for name, spec in self.specs.items():
            if name not in self.few.inputs:
                continue
            for alternative in alternatives(spec, self.few.inputs[name]):
                yield Trial(name, alternative)
            if self.norm is not None and spec.dtype == "float32":
                fit = fitted(self.norm, self.prepared(self.few), name)
                if fit is not None:
                    yield Trial(name, scaled(taken_apart(spec.pre), *fit))

    def _tried(self, trial: Trial) -> bytes | None:
        """A fingerprint of what the model would take; None if it could not."""
        try:
            inputs = self.prepared(self._looked_at, trial)
        except ConfigError:
            return None
        values, spec = inputs[trial.input], self.specs[trial.input]
        if values.shape[1:] != spec.shape[1:] or not np.isfinite(values).all():
            return None
        size = self.vocabulary.get(trial.input)
        if size is not None and not (values.min() >= 0 and values.max() < size):
            return None
        return _fingerprint(inputs)

    def scores(self, samples: Samples, trials: Sequence[Trial]) -> tuple[Scores, list[tuple[Trial, Scores]]]:
        """The project's score on some samples, and those of other declarations, but for what the model can't take."""
        (own,) = self._scored(samples, [None])
        found: list[tuple[Trial, Scores]] = []
        for batch in self._batches(samples, trials):
            try:
                found += zip(batch, self._scored(samples, batch), strict=True)
            except (EdgebuildError, ArithmeticError, LookupError, RuntimeError, ValueError):
                found += [each for trial in batch for each in self._alone(samples, trial)]
        return own, found

    def _alone(self, samples: Samples, trial: Trial) -> list[tuple[Trial, Scores]]:
        try:
            return [(trial, *self._scored(samples, [trial]))]  # type: ignore[list-item]
        except (EdgebuildError, ArithmeticError, LookupError, RuntimeError, ValueError):
            return []

    def _scored(self, samples: Samples, batch: Sequence[Trial | None]) -> list[Scores]:
        """The score of each declaration; None stands for the project's."""
        found: list[Scores] = []
        inputs = [self.prepared(samples, trial) for trial in batch]
        outputs = self.run({name: np.concatenate([one[name] for one in inputs]) for name in self.specs})
        for number, own in enumerate(inputs):
            part = slice(number * len(samples), (number + 1) * len(samples))
            found.append(score(self.metric, samples, [output[part] for output in outputs], own, self.scorer))
        return found

    def _batches(self, samples: Samples, trials: Sequence[Trial]) -> Iterator[Sequence[Trial]]:
        """As many declarations at once as fit 64 MiB: a foreign model's run starts a process."""
        size = len(samples) * sum(_WORD * int(np.prod(spec.shape)) for spec in self.specs.values())
        step = max(1, _TOGETHER // size)
        return (trials[start : start + step] for start in range(0, len(trials), step))


def mending(case: Case, trial: Trial) -> str:
    """The line that declares it; nothing where the line that there is stays, and the samples have to change."""
    steps = trial.alternative.steps
    return "" if steps == case.specs[trial.input].pre else written(trial.input, steps)


def _remade(samples: Samples, trial: Trial | None) -> Samples:
    """Samples as a trial would have them made."""
    change = trial.alternative.change if trial else None
    if trial is None or change is None:
        return samples
    return replace(samples, inputs={**samples.inputs, trial.input: change(samples.inputs[trial.input])})


def _fingerprint(inputs: Mapping[str, Array]) -> bytes:
    """Equal where inputs are, but for rounding."""
    return b"".join(
        np.round(array.astype(np.float64) / max(1e-12, float(np.abs(array).max())), 4).astype(np.float32).tobytes()
        + f"{float(np.abs(array).max()):.3e}".encode()
        for array in inputs.values()
    )
