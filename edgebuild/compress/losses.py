"""How far a student is from its teacher and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebuild.core.recovery import Recovery

if TYPE_CHECKING:
    from torch import Generator, Tensor

_TINY = 1e-12


@dataclass(frozen=True)
class Objective:
    """The loss of a batch.

    Attributes:
        settings: temperature and weights.
        classifies: whether the first output holds class scores.
    """

    settings: Recovery
    classifies: bool

    def __call__(self, outputs: Sequence[Tensor], targets: Sequence[Tensor] | None, labels: Tensor | None) -> Tensor:
        """The mean over a batch.

        Args:
            outputs: the student's, float ones first of all the scores.
            targets: the teacher's in the same order, or None without one.
            labels: (N,), or None.
        """
        taught = None if targets is None else self._soft(outputs, targets)
        told = None if labels is None or not self.classifies else label_loss(outputs[0], labels)
        if taught is None or told is None:
            lone = told if taught is None else taught
            assert lone is not None
            return lone
        weight = self.settings.soft_weight
        return weight * taught + (1 - weight) * told

    def _soft(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        first = 1 if self.classifies else 0
        rest = [
            value_loss(own, other)
            for own, other in zip(outputs[first:], targets[first:], strict=True)
            if other.is_floating_point()
        ]
        soft = [soft_loss(outputs[0], targets[0], self.settings.temperature)] if self.classifies else []
        total = [*soft, *rest]
        return sum(total[1:], start=total[0])


def soft_loss(scores: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """T² · KL(softmax(targets / T) ‖ softmax(scores / T)), the mean over samples (Hinton et al. 2015, section 2)."""
    from torch.nn.functional import kl_div, log_softmax

    own = log_softmax(_rows(scores) / temperature, dim=1)
    other = log_softmax(_rows(targets) / temperature, dim=1)
    return kl_div(own, other, reduction="batchmean", log_target=True) * temperature**2


def label_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, the mean over samples."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(_rows(scores), labels)


def drawn_loss(scores: Tensor, temperature: float, drawn: Generator) -> Tensor:
    """Cross entropy with labels that are drawn from the scores' own distribution, softened; the mean over samples.

    Its gradient's expected square is the Fisher information, and so tells how much a change of the model changes what
    it says (Theis et al., "Faster gaze prediction with dense networks and Fisher pruning", 2018), of classes too that
    it is sure of: their true labels have next to no loss, and no gradient.
    """
    from torch import multinomial

    softened = _rows(scores) / temperature
    told = softened.detach().softmax(1).nan_to_num(1.0)  # scores that are NaN give a loss that is, not an error here
    return label_loss(softened, multinomial(told, 1, generator=drawn)[:, 0])


def value_loss(values: Tensor, targets: Tensor) -> Tensor:
    """Σ(v − t)² / Σt²: the mean squared error as a share of the signal, whatever its unit."""
    difference = values.float() - targets.float()
    return difference.square().mean() / (targets.float().square().mean() + _TINY)


def _rows(scores: Tensor) -> Tensor:
    return scores.float().reshape(len(scores), -1)
