"""Batches of samples in a seeded order, prepared as the model takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebuild.compress.augment import augment
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
        prepared = prepare_inputs(self.samples.take(self.indices(step)), signature)
        prepared = augment(prepared, signature, self.settings.augmentation, (self.settings.seed, step))
        return _tensors(prepared, signature, device)

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
