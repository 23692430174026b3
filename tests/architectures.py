"""Architectures of every kind that is pruned, small, with random weights, and the inputs they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers as hf
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

Made = tuple[nn.Module, tuple[torch.Tensor, ...]]
LABELS = 10


class One(nn.Module):
    """One output of a model of transformers."""

    def __init__(self, model: nn.Module, output: str = "logits", **given: Any) -> None:
        super().__init__()
        self.model, self.output, self.given = model, output, given

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = getattr(self.model(*inputs, return_dict=True, **self.given), self.output)
        return found


def image(size: int = 64, channels: int = 3) -> tuple[torch.Tensor, ...]:
    return (torch.randn(1, channels, size, size),)


def words(length: int = 16) -> torch.Tensor:
    return torch.randint(0, 100, (1, length))


TRANSFORMER: dict[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
}  # fmt: skip


def resnet() -> Made:
    config = hf.ResNetConfig(embedding_size=16, hidden_sizes=[32, 64, 96, 128], depths=[2, 2, 2, 2], num_labels=LABELS)
    return One(hf.ResNetForImageClassification(config)), image()


def resnet_with_padded_shortcuts() -> Made:
    class Block(nn.Module):
        def __init__(self, inside: int, out: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
            self.norm = nn.BatchNorm2d(out)
            self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.stride, self.more = stride, (out - inside) // 2

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.second(torch.relu(self.norm(self.first(x))))
            if self.more:
                x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))
            return torch.relu(y + x)

    blocks = [Block(16, 16, 1), Block(16, 32, 2), Block(32, 32, 1), Block(32, 64, 2)]
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, LABELS)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(), *blocks, *tail), image(32)


def mobilenet_v1() -> Made:
    config = hf.MobileNetV1Config(depth_multiplier=0.5, image_size=64, num_labels=LABELS)
    return One(hf.MobileNetV1ForImageClassification(config)), image()


def mobilenet_v2() -> Made:
    config = hf.MobileNetV2Config(depth_multiplier=0.5, image_size=64, num_labels=LABELS)
    return One(hf.MobileNetV2ForImageClassification(config)), image()


def mobilenet_v3() -> Made:
    class Block(nn.Module):
        def __init__(self, inside: int, wide: int, out: int, squeeze: bool) -> None:
            super().__init__()
            self.expand = nn.Sequential(
                nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(),
                nn.Conv2d(wide, wide, 5, padding=2, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(),
            )  # fmt: skip
            self.squeeze = nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, wide // 4, 1), nn.ReLU(), nn.Conv2d(wide // 4, wide, 1),
                nn.Hardsigmoid(),
            ) if squeeze else None  # fmt: skip
            self.project = nn.Sequential(nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))
            self.residual = inside == out

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.expand(x)
            y = self.project(y * self.squeeze(y) if self.squeeze else y)
            return x + y if self.residual else y

    head = [nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.Hardswish()]
    blocks = [Block(16, 48, 16, True), Block(16, 64, 24, True), Block(24, 96, 24, False)]
    tail = [nn.Conv2d(24, 96, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, LABELS)]
    return nn.Sequential(*head, *blocks, *tail), image(32)


def efficientnet() -> Made:
    config = hf.EfficientNetConfig(
        image_size=64, width_coefficient=0.3, depth_coefficient=0.5, hidden_dim=384, num_labels=LABELS
    )
    return One(hf.EfficientNetForImageClassification(config)), image()


def convnext() -> Made:
    config = hf.ConvNextConfig(hidden_sizes=[24, 48, 64, 96], depths=[1, 1, 2, 1], num_labels=LABELS)
    return One(hf.ConvNextForImageClassification(config)), image()


def convnext_v2() -> Made:
    config = hf.ConvNextV2Config(hidden_sizes=[24, 48, 64, 96], depths=[1, 1, 2, 1], num_labels=LABELS)
    return One(hf.ConvNextV2ForImageClassification(config)), image()


def regnet() -> Made:
    config = hf.RegNetConfig(
        embedding_size=16, hidden_sizes=[32, 64, 96, 128], depths=[1, 1, 2, 1], groups_width=16, num_labels=LABELS
    )
    return One(hf.RegNetForImageClassification(config)), image()


def bit() -> Made:
    config = hf.BitConfig(embedding_size=32, hidden_sizes=[128, 256], depths=[1, 1], num_labels=LABELS)
    return One(hf.BitForImageClassification(config)), image()


def shuffled(x: torch.Tensor, groups: int) -> torch.Tensor:
    batch, channels, height, width = x.shape
    return x.view(batch, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


def shufflenet_v1() -> Made:
    class Unit(nn.Module):
        def __init__(self, channels: int, groups: int = 4) -> None:
            super().__init__()
            self.groups, middle = groups, channels // 2
            self.first = nn.Sequential(nn.Conv2d(channels, middle, 1, groups=groups), nn.BatchNorm2d(middle), nn.ReLU())
            self.depthwise = nn.Conv2d(middle, middle, 3, padding=1, groups=middle)
            self.last = nn.Conv2d(middle, channels, 1, groups=groups)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x + self.last(self.depthwise(shuffled(self.first(x), self.groups))))

    head, tail = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU()], [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, LABELS)]
    return nn.Sequential(*head, Unit(32), Unit(32), *tail), image(32)


def shufflenet_v2() -> Made:
    class Unit(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            half = channels // 2
            self.branch = nn.Sequential(
                nn.Conv2d(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(),
                nn.Conv2d(half, half, 3, padding=1, groups=half), nn.BatchNorm2d(half),
                nn.Conv2d(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(),
            )  # fmt: skip

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept, changed = x.chunk(2, 1)
            return shuffled(torch.cat([kept, self.branch(changed)], 1), 2)

    head = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU()]
    tail = [nn.Conv2d(32, 64, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, LABELS)]
    return nn.Sequential(*head, Unit(32), Unit(32), *tail), image(32)


def densenet() -> Made:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, padding=1)
            self.layers = nn.ModuleList(self.layer(16 + 12 * number) for number in range(4))
            self.norm, self.transition, self.head = nn.BatchNorm2d(64), nn.Conv2d(64, 32, 1), nn.Linear(32, LABELS)

        @staticmethod
        def layer(channels: int) -> nn.Module:
            first = [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 24, 1)]
            return nn.Sequential(*first, nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 12, 3, padding=1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            for layer in self.layers:
                x = torch.cat([x, layer(x)], 1)
            x = F.avg_pool2d(self.transition(torch.relu(self.norm(x))), 2)
            found: torch.Tensor = self.head(x.mean((2, 3)))
            return found

    return Dense(), image(16)


def unet() -> Made:
    def block(inside: int, out: int) -> nn.Module:
        first = [nn.Conv2d(inside, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
        return nn.Sequential(*first, nn.Conv2d(out, out, 3, padding=1), nn.ReLU())

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(3, 16), block(16, 32), block(32, 64)])
            self.grow = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
            self.up, self.head = nn.ModuleList([block(64, 32), block(32, 16)]), nn.Conv2d(16, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first = self.down[0](x)
            second = self.down[1](F.max_pool2d(first, 2))
            x = self.down[2](F.max_pool2d(second, 2))
            x = self.up[0](torch.cat([self.grow[0](x), second], 1))
            found: torch.Tensor = self.head(self.up[1](torch.cat([self.grow[1](x), first], 1)))
            return found

    return UNet(), image(32)


def vit() -> Made:
    return One(hf.ViTForImageClassification(hf.ViTConfig(**TRANSFORMER, image_size=64, num_labels=LABELS))), image()


def deit() -> Made:
    return One(hf.DeiTForImageClassification(hf.DeiTConfig(**TRANSFORMER, image_size=64, num_labels=LABELS))), image()


def dinov2() -> Made:
    config = hf.Dinov2Config(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=56, num_labels=LABELS
    )
    return One(hf.Dinov2ForImageClassification(config)), image(56)


def swin() -> Made:
    config = hf.SwinConfig(
        embed_dim=24, depths=[2, 2], num_heads=[2, 4], image_size=56, window_size=7, num_labels=LABELS
    )
    return One(hf.SwinForImageClassification(config)), image(56)


def levit() -> Made:
    config = hf.LevitConfig(
        image_size=64, hidden_sizes=[32, 48, 64], num_attention_heads=[2, 3, 4], depths=[1, 1, 1], key_dim=[8, 8, 8],
        num_labels=LABELS,
    )  # fmt: skip
    return One(hf.LevitForImageClassification(config)), image()


def mobilevit() -> Made:
    widths = [16, 32, 64, 96, 128, 160, 640]
    config = hf.MobileViTConfig(image_size=64, hidden_sizes=[32, 48, 64], neck_hidden_sizes=widths, num_labels=LABELS)
    return One(hf.MobileViTForImageClassification(config)), image()


def poolformer() -> Made:
    config = hf.PoolFormerConfig(hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], num_labels=LABELS)
    return One(hf.PoolFormerForImageClassification(config)), image()


def segformer() -> Made:
    config = hf.SegformerConfig(
        hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 3, 4], decoder_hidden_size=64,
        num_labels=5,
    )  # fmt: skip
    return One(hf.SegformerForSemanticSegmentation(config)), image()


def bert() -> Made:
    model = hf.BertForSequenceClassification(hf.BertConfig(**TRANSFORMER, vocab_size=100, max_position_embeddings=32))
    return One(model), (words(), torch.ones(1, 16, dtype=torch.long))


def distilbert() -> Made:
    config = hf.DistilBertConfig(
        vocab_size=100, dim=64, n_layers=2, n_heads=4, hidden_dim=128, max_position_embeddings=32
    )
    return One(hf.DistilBertForSequenceClassification(config)), (words(),)


def qwen2() -> Made:
    model = hf.Qwen2ForCausalLM(hf.Qwen2Config(**TRANSFORMER, vocab_size=100, num_key_value_heads=2))
    return One(model, use_cache=False), (words(),)


def clip() -> Made:
    config = hf.CLIPConfig(
        text_config={**TRANSFORMER, "vocab_size": 100, "bos_token_id": 98, "eos_token_id": 99},
        vision_config={**TRANSFORMER, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    return One(hf.CLIPModel(config), "logits_per_image"), (words(), *image())


def whisper_encoder() -> Made:
    config = hf.WhisperConfig(
        d_model=64, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=128, decoder_layers=1,
        decoder_attention_heads=4, decoder_ffn_dim=128, max_source_positions=50, num_mel_bins=40, vocab_size=100,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return One(hf.WhisperModel(config).encoder, "last_hidden_state"), (torch.randn(1, 40, 100),)


def wav2vec2() -> Made:
    config = hf.Wav2Vec2Config(
        **TRANSFORMER, conv_dim=(32,) * 3, conv_stride=(5, 2, 2), conv_kernel=(10, 3, 2), num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    return One(hf.Wav2Vec2Model(config), "last_hidden_state"), (torch.randn(1, 1600),)


def lstm() -> Made:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lstm = nn.Linear(20, 32), nn.LSTM(32, 24, batch_first=True)
            self.hidden, self.head = nn.Linear(24, 48), nn.Linear(48, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states, _ = self.lstm(torch.relu(self.embed(x)))
            found: torch.Tensor = self.head(torch.relu(self.hidden(states[:, -1])))
            return found

    return Recurrent(), (torch.randn(1, 12, 20),)


def packed_attention() -> Made:
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    return nn.TransformerEncoder(layer, 2), (torch.randn(1, 10, 64),)


def edited_in_place() -> Made:
    class Edited(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 16, 3, padding="same"), nn.Conv2d(16, 16, 3, padding=1)
            self.third, self.head = nn.Conv2d(16, 24, 1), nn.Linear(24, LABELS)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu_(self.first(x))
            y = self.second(x)
            y += x
            y[:, :4] = 2 * y[:, :4]
            found: torch.Tensor = self.head(F.adaptive_max_pool2d(torch.relu(self.third(y)), 1).flatten(1))
            return found

    return Edited(), image(16)


def fusion() -> Made:
    class Fusion(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.heard = nn.Sequential(nn.Conv1d(1, 16, 9, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
            self.gate, self.head = nn.Linear(32, 32), nn.Linear(32, LABELS)

        def forward(self, image: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
            both = torch.cat([self.seen(image), self.heard(audio)], 1)
            found: torch.Tensor = self.head(torch.sigmoid(self.gate(both)) * both)
            return found

    return Fusion(), (*image(28, 1), torch.randn(1, 1, 400))


ARCHITECTURES: dict[str, Callable[[], Made]] = {
    make.__name__: make
    for make in (
        resnet, resnet_with_padded_shortcuts, mobilenet_v1, mobilenet_v2, mobilenet_v3, efficientnet, convnext,
        convnext_v2, regnet, bit, shufflenet_v1, shufflenet_v2, densenet, unet, vit, deit, dinov2, swin, levit,
        mobilevit, poolformer, segformer, bert, distilbert, qwen2, clip, whisper_encoder, wav2vec2, lstm,
        packed_attention, edited_in_place, fusion,
    )
}  # fmt: skip


def made(name: str, seed: int = 0) -> Made:
    """An architecture in evaluation mode, its weights such that every channel matters."""
    torch.manual_seed(seed)
    model, inputs = ARCHITECTURES[name]()
    random = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2, generator=random)
            module.running_var.uniform_(0.5, 1.5, generator=random)
            module.weight.data.uniform_(0.5, 1.5, generator=random)
            module.bias.data.normal_(0, 0.2, generator=random)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, generator=random)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.2, generator=random)
    return model.eval(), inputs
