"""Batches of samples in a seeded order, prepared as the model takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebuild.compress.augment import Moves, augment
from edgebuild.core.array import Integers, np
from edgebuild.core.recovery import Recovery
from edgebuild.core.signature import Signature
from edgebuild.models.samples import Samples, prepare_inputs

if TYPE_CHECKING:
    import torch


class Batches:
    """The training set in batches: which samples a step takes follows from the seed and the step alone."""

    def __init__(self, samples: Samples, settings: Recovery) -> None:
        self.samples, self.settings = samples, settings
        self.size = min(settings.batch_size, len(samples))
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    @property
    def per_epoch(self) -> int:
        """Steps an epoch; the samples left over wait for the next shuffle."""
        return len(self.samples) // self.size

    def indices(self, step: int) -> Integers:
        """The samples of a step, counted from 0 over all epochs."""
        epoch, number = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.samples))
            self._epoch = epoch
        return self._order[number * self.size : (number + 1) * self.size]

    def inputs(self, step: int, signature: Signature, device: str) -> tuple[torch.Tensor, ...]:
        """A step's inputs for a model, augmented alike for student and teacher."""
        if self.repeats:
            return self.forms(self.rows(step), signature, device)
        indices = self.indices(step)
        return self._moved(indices, Moves.of(len(indices), 1, self.settings.seed, step), signature, device)

    @property
    def repeats(self) -> bool:
        """Whether what is seen of a sample comes again."""
        return self.settings.augmentation == "none" or self.settings.variants is not None

    @property
    def variants(self) -> int:
        """How many forms of a sample there are, where they come again."""
        return 1 if self.settings.augmentation == "none" else self.settings.variants or 1

    def rows(self, step: int) -> Integers:
        """Which forms of which samples a step takes, where they come again: form × N + sample."""
        return self.indices(step) + len(self.samples) * (step // self.per_epoch % self.variants)

    def forms(self, rows: Integers, signature: Signature, device: str) -> tuple[torch.Tensor, ...]:
        """Some forms, all of one number."""
        form, indices = int(rows[0]) // len(self.samples), rows % len(self.samples)
        moves = Moves.of(len(self.samples), 2, self.settings.seed, form).take(indices)
        return self._moved(indices, moves, signature, device)

    def _moved(self, indices: Integers, moves: Moves, signature: Signature, device: str) -> tuple[torch.Tensor, ...]:
        prepared = prepare_inputs(self.samples.take(indices), signature)
        return _tensors(augment(prepared, signature, self.settings.augmentation, moves), signature, device)

    def labels(self, step: int, device: str) -> torch.Tensor | None:
        """A step's labels, if there are any."""
        import torch

        labels = self.samples.labels
        return None if labels is None else torch.from_numpy(labels[self.indices(step)]).to(device)


def inputs_of(samples: Samples, signature: Signature, device: str) -> tuple[torch.Tensor, ...]:
    """All of some samples, as a model takes them."""
    return _tensors(prepare_inputs(samples, signature), signature, device)


def _tensors(arrays: dict[str, np.ndarray], signature: Signature, device: str) -> tuple[torch.Tensor, ...]:
    import torch

    ordered = (np.ascontiguousarray(arrays[spec.name]) for spec in signature.inputs)
    return tuple(torch.from_numpy(array).to(device) for array in ordered)
