"""Begin a training from weights that this project exported before.

An exported network has no normalisations left: they were folded into the convolutions. Here each
gets one again that changes nothing at first: its mean and spread are measured on some pictures.
So training goes on from what the exported network knew, with a new schedule.
"""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from models.training.net import PREPARATION, ConvNorm, RingNano


def begin_from(net: RingNano, exported: Path, images: Tensor) -> None:
    """Give `net` the weights of an exported file.

    Args: `images` (n, 3, h, w) float32 of 0..255 to measure the normalisations on, some dozens.
    Raises: ValueError naming a weight that is missing or has another shape.
    """
    graph = onnx.load(str(exported)).graph
    weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    with torch.no_grad():
        for name, module in net.named_modules():
            if isinstance(module, ConvNorm):
                _unfold(module, _taken(weights, name + ".0", module[0]))
        net.backbone.stem[0].weight /= PREPARATION
        for number, head in enumerate(net.heads):
            box, label = head.get_submodule("box"), head.get_submodule("label")
            _copy(box, weights, f"heads.{number}.box", first=0)
            _copy(label, weights, f"heads.{number}.score", first=1)  # row 0 is the objectness
        _measure(net, images)


def _taken(weights: dict[str, Tensor], name: str, conv: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(conv, nn.Conv2d)
    weight, bias = weights.get(name + ".weight"), weights.get(name + ".bias")
    if weight is None or bias is None or weight.shape != conv.weight.shape:
        found = None if weight is None else tuple(weight.shape)
        raise ValueError(f"weight {name}: {found}, not {tuple(conv.weight.shape)}")
    return weight, bias


def _unfold(module: ConvNorm, folded: tuple[Tensor, Tensor]) -> None:
    """The convolution gets the folded weight; the normalisation only adds the folded bias."""
    conv, norm = module[0], module[1]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    conv.weight.copy_(folded[0])
    norm.reset_running_stats()
    norm.weight.fill_((1 + norm.eps) ** 0.5)
    norm.bias.copy_(folded[1])


def _copy(conv: nn.Module, weights: dict[str, Tensor], name: str, first: int) -> None:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    conv.weight.copy_(weights[name + ".weight"][first:])
    conv.bias.copy_(weights[name + ".bias"][first:])


def _measure(net: RingNano, images: Tensor) -> None:
    """Set each normalisation's mean and spread to those of its input; the output stays."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    seen: dict[int, tuple[Tensor, Tensor]] = {}

    def note(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].transpose(0, 1).flatten(1)
        seen[id(norm)] = (x.mean(1), x.var(1))

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    net.eval()
    net(images)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, var = seen[id(norm)]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.bias += mean
        norm.weight.copy_((var + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(var)
