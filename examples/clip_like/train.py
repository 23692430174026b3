"""Train both encoders on images and captions made from their classes; writes weights.safetensors and tokenizer.json."""

from __future__ import annotations

import json
import time

import torch
from captions import CLASSES, TOKENIZER, tokens, write_tokenizer
from data import evaluation, selection, training, training_captions
from model import WEIGHTS, WORDS, ImageTower, TextTower, class_vectors, clip
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from transformers import CLIPModel

EPOCHS = 12
BATCH = 150
MEAN, DEVIATION = 73.0, 90.0
"""Of the pixels, as the ``pre`` steps of edgebuild.toml have them."""


def prepared(samples: dict) -> tuple[Tensor, Tensor]:
    """Images and classes as the network takes them."""
    image = (torch.from_numpy(samples["image"]).permute(0, 3, 1, 2).float() - MEAN) / DEVIATION
    return image, torch.from_numpy(samples["labels"])


def contrast(images: Tensor, texts: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss in both directions, where every caption of an image's class is a right one (Yang et al. 2022,
    "Unified contrastive learning", arXiv:2204.03610): a batch of 150 has each class some 15 times."""
    likeness = scale * images @ texts.T
    right = same.float() / same.sum(1, keepdim=True)
    return (cross_entropy(likeness, right) + cross_entropy(likeness.T, right)) / 2


def zero_shot(whole: CLIPModel, samples: dict) -> float:
    """The share of images that are nearest to the caption of their class, in percent."""
    image, labels = prepared(samples)
    tower = ImageTower(whole, class_vectors(TextTower(whole), CLASSES)).eval()
    with torch.no_grad():
        found = torch.cat([tower(part)[0].argmax(1) for part in image.split(500)])
    return 100 * float((found == labels).float().mean())


def captions_by_class() -> list[Tensor]:
    """The token numbers of all captions of each class, (captions, 12)."""
    given = training_captions()
    rows, labels = torch.tensor(tokens(given["text"].tolist())), torch.from_numpy(given["labels"])
    return [rows[labels == label] for label in range(len(CLASSES))]


def main() -> None:
    """Train, and say what was reached."""
    torch.set_num_threads(1)  # sums in one order, whatever the machine's number of cores
    write_tokenizer()
    count = len(json.loads(TOKENIZER.read_text(encoding="utf-8"))["model"]["vocab"])
    assert count <= WORDS, f"{count} words, and room for {WORDS}"
    torch.manual_seed(0)
    whole, image_set, captions = clip().train(), prepared(training()), captions_by_class()
    images, labels = image_set
    text_tower = TextTower(whole)
    optimizer = torch.optim.AdamW(whole.parameters(), weight_decay=0.1)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.002, total_steps=steps, pct_start=0.1)
    began = time.monotonic()
    for epoch in range(EPOCHS):
        total = 0.0
        for chosen in torch.randperm(len(images)).split(BATCH):
            image, label = images[chosen], labels[chosen]
            image = torch.where(torch.rand(len(image), 1, 1, 1) < 0.5, image, image.flip(3))
            given = torch.stack([captions[c][int(torch.randint(len(captions[c]), ()))] for c in label.tolist()])
            seen = whole.visual_projection(whole.vision_model(image).pooler_output)
            optimizer.zero_grad()
            found = contrast(
                normalize(seen), text_tower(given), label[:, None] == label, whole.logit_scale.exp().clamp(max=100)
            )
            found.backward()
            torch.nn.utils.clip_grad_norm_(whole.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(found.detach()) * len(chosen) / len(images)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {total:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    whole.eval()
    save_file({name: value.contiguous() for name, value in whole.state_dict().items()}, WEIGHTS)
    for name, samples in (("selection", selection()), ("evaluation", evaluation())):
        print(f"{name}: {zero_shot(whole, samples):.1f} % of the images are nearest to their class's caption")


if __name__ == "__main__":
    main()
