"""The network: a small residual backbone, a light pyramid, an anchor-free head.

Blocks: depthwise, expand, project, with a residual (Qin et al., MobileNetV4, 2024: its block like
ConvNext's); stride-2 convolutions are dense. ReLU only: ONNX Runtime fuses it into the convolution.
The pyramid adds instead of concatenating (Tan et al., EfficientDet, 2020, without the weights).
The raw output is YOLOX's (Ge et al., 2021): offsets in cells, logarithms of sizes in cells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
CLASSES = 2
PREPARATION = 1 / 64.0  # of pixel values 0..255
_PRIOR = 0.01  # the score of every anchor at first (Lin et al., Focal Loss, 2017)


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths and depths of the stages at strides 4, 8, 16, 32, and of the pyramid."""

    stem: int = 16
    widths: tuple[int, int, int, int] = (24, 48, 104, 176)
    depths: tuple[int, int, int, int] = (0, 2, 4, 2)
    kernels: tuple[int, int, int, int] = (3, 3, 5, 5)
    expand: int = 2
    neck: int = 64
    tower: int = 1  # blocks of each level's head


class ConvNorm(nn.Sequential):
    """A convolution, batch normalisation and, if asked for, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1,
        act: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True) if act else nn.Identity(),
        )


class Block(nn.Module):
    """Depthwise, expand, project, added to what came in."""

    def __init__(self, width: int, kernel: int, expand: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(width, width, kernel, groups=width, act=False),
            ConvNorm(width, width * expand, 1),
            ConvNorm(width * expand, width, 1, act=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class Separable(nn.Sequential):
    """Depthwise, then pointwise with ReLU."""

    def __init__(self, width: int, kernel: int = 5, stride: int = 1) -> None:
        super().__init__(
            ConvNorm(width, width, kernel, stride, groups=width, act=False),
            ConvNorm(width, width, 1),
        )


class Backbone(nn.Module):
    """Returns the features at strides 8, 16 and 32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.stem = ConvNorm(3, shape.stem, 3, 2)
        stages, before = [], shape.stem
        for width, depth, kernel in zip(shape.widths, shape.depths, shape.kernels, strict=True):
            blocks = [Block(width, kernel, shape.expand) for _ in range(depth)]
            stages.append(nn.Sequential(ConvNorm(before, width, 3, 2), *blocks))
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        features, x = [], self.stem(images)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features[1:]


class Pyramid(nn.Module):
    """Hands down what large strides know and up what small ones see."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(ConvNorm(w, width, 1, act=False) for w in widths)
        self.down = nn.ModuleList(Separable(width) for _ in range(2))
        self.reduce = nn.ModuleList(Separable(width, stride=2) for _ in range(2))
        self.up = nn.ModuleList(Separable(width) for _ in range(2))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        p3, p4, p5 = (lateral(f) for lateral, f in zip(self.lateral, features, strict=True))
        p4 = self.down[0](p4 + functional.interpolate(p5, scale_factor=2.0, mode="nearest"))
        p3 = self.down[1](p3 + functional.interpolate(p4, scale_factor=2.0, mode="nearest"))
        p4 = self.up[0](p4 + self.reduce[0](p3))
        p5 = self.up[1](p5 + self.reduce[1](p4))
        return [p3, p4, p5]


class Head(nn.Module):
    """One level's boxes and class logits."""

    def __init__(self, width: int, tower: int) -> None:
        super().__init__()
        self.tower = nn.Sequential(*(Separable(width) for _ in range(tower)))
        self.box_look = ConvNorm(width, width, 3, groups=width)
        self.class_look = ConvNorm(width, width, 3, groups=width)
        self.box = nn.Conv2d(width, 4, 1)
        self.label = nn.Conv2d(width, CLASSES, 1)
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.normal_(self.label.weight, std=0.01)
        self.box.bias = nn.Parameter(torch.tensor([0.5, 0.5, 0.7, 0.7]))
        self.label.bias = nn.Parameter(torch.full((CLASSES,), math.log(_PRIOR / (1 - _PRIOR))))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tower(x)
        return self.box(self.box_look(x)), self.label(self.class_look(x))


class RingNano(nn.Module):
    """Images (n, 3, h, w) of 0..255, h and w multiples of 32, to raw rows of every anchor."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        self.backbone = Backbone(self.shape)
        self.pyramid = Pyramid(self.shape.widths[1:], self.shape.neck)
        self.heads = nn.ModuleList(Head(self.shape.neck, self.shape.tower) for _ in STRIDES)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, anchors, 4 + classes): dx, dy, log w, log h in cells, then logits."""
        levels = self.pyramid(self.backbone(images * PREPARATION))
        rows = [
            torch.cat(head(x), 1).flatten(2) for head, x in zip(self.heads, levels, strict=True)
        ]
        return torch.cat(rows, 2).transpose(1, 2)


def grid(wh: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return each anchor's cell (anchors, 2) and its stride (anchors, 1) for an input size."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(wh[1] // stride), torch.arange(wh[0] // stride), indexing="ij"
        )
        cells.append(torch.stack((x.flatten(), y.flatten()), 1).float())
        strides.append(torch.full((x.numel(), 1), float(stride)))
    return torch.cat(cells), torch.cat(strides)


def boxes_of(raw: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    """Return boxes x1 y1 x2 y2, px of the input, of raw rows (..., anchors, 4 or more)."""
    centre = (raw[..., :2] + cells) * strides
    half = raw[..., 2:4].clamp(-6, 6).exp() * strides / 2
    return torch.cat((centre - half, centre + half), -1)


def parameters_of(net: nn.Module) -> int:
    """Return how many numbers the network learns."""
    return sum(p.numel() for p in net.parameters())
