"""A recurrent network that hears one frame at a time, trained from scratch in a minute."""

from __future__ import annotations

import torch
from data import BANDS, training
from torch import Tensor, nn

STATE = 64
EPOCHS = 20
BATCH = 50
LAST = 5
"""The steps at the end of a clip in which the digit must be known."""


class SpokenDigits(nn.Module):
    """A frame (1, BANDS) and the state (1, STATE) → the scores of the ten digits, and the new state."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(BANDS, STATE)
        self.cell = nn.GRUCell(STATE, STATE)
        self.head = nn.Linear(STATE, 10)

    def forward(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of 20 ms."""
        state = self.cell(torch.relu(self.encoder((frame + 6) / 4)), state)
        return self.head(state), state


def trained() -> nn.Module:
    """The network, trained on the training clips: the same weights on every call on one machine."""
    samples = training()
    heard, labels = torch.from_numpy(samples["frame"]), torch.from_numpy(samples["labels"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # Sums in one order, whatever the machine's number of cores.
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _train(SpokenDigits(), heard, labels).eval()
    finally:
        torch.set_num_threads(threads)


def _train(net: SpokenDigits, heard: Tensor, labels: Tensor) -> nn.Module:
    """A clip is heard after another one, so that the state is at home in a stream that never ends."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    per_epoch = len(heard) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=EPOCHS * per_epoch)
    for _ in range(EPOCHS):
        state = torch.zeros(BATCH, STATE)
        for chosen in torch.randperm(len(heard)).split(BATCH):
            scores = []
            state = state * (torch.rand(BATCH, 1) < 0.5)  # half of them hear silence before
            for step in range(heard.shape[1]):
                given, state = net(heard[chosen, step], state)
                scores.append(given)
            loss = sum(
                nn.functional.cross_entropy(given, labels[chosen], label_smoothing=0.05) for given in scores[-LAST:]
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            state = state.detach()
    return net
