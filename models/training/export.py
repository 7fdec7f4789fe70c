"""Export: `python -m models.training.export --checkpoint FILE --out models/`.

The averaged weights, batch normalisation folded into the convolutions, the preparation of the
picture folded into the first one, as an ONNX file with YOLOX's output and a manifest beside it.
"""

import argparse
import hashlib
import logging
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edge_agent.detect import open_detector
from edge_agent.settings import Plan
from models.training.net import PREPARATION, ConvNorm, Head, RingNano
from models.training.state import load_mean

log = logging.getLogger("export")

OPSET = 17
AXES = {"images": {0: "n", 2: "height", 3: "width"}, "output": {0: "n", 1: "anchors"}}
_CERTAIN = 20.0  # its sigmoid is 1 in float32

MANIFEST = """\
# ring-nano: persons and vehicles; trained by this project, docs/models.md tells how and how well.

name = "ring-nano"
file = "{file}"
sha256 = "{sha256}"
family = "yolox"

input_wh = [{width}, {height}]          # any multiples of 32; judged at 416×256 and 640×384
layout = "nchw"
channels = "bgr"
scale = 1.0                             # values stay 0..255
letterbox = "top_left"
pad = 114

strides = [8, 16, 32]
labels = ["person", "vehicle"]
score_threshold = {threshold}
iou_threshold = 0.45

licence = "Apache-2.0"
source = "models/training of this repository"

[class_map]
person = "person"
vehicle = "vehicle"
"""


class Deployed(nn.Module):
    """The network as it is exported: n × anchors × (4 + 1 + classes), scores after the sigmoid."""

    def __init__(self, net: RingNano) -> None:
        super().__init__()
        self.backbone, self.pyramid = net.backbone, net.pyramid
        heads = [head for head in net.heads if isinstance(head, Head)]
        self.heads = nn.ModuleList(DeployedHead(head) for head in heads)

    def forward(self, images: Tensor) -> Tensor:
        """Take (n, 3, h, w) of 0..255."""
        levels = self.pyramid(self.backbone(images))
        rows = [head(x).flatten(2) for head, x in zip(self.heads, levels, strict=True)]
        return torch.cat(rows, 2).transpose(1, 2)


class DeployedHead(nn.Module):
    """A level's head; YOLOX's objectness is a score that is always 1."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.tower, self.box_look, self.class_look = head.tower, head.box_look, head.class_look
        self.box = head.box
        classes, width = head.label.weight.shape[:2]
        self.score = nn.Conv2d(width, 1 + classes, 1)
        assert head.label.bias is not None
        nothing, certain = torch.zeros(1, width, 1, 1), torch.tensor([_CERTAIN])
        self.score.weight = nn.Parameter(torch.cat((nothing, head.label.weight)))
        self.score.bias = nn.Parameter(torch.cat((certain, head.label.bias)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.tower(x)
        return torch.cat((self.box(self.box_look(x)), self.score(self.class_look(x)).sigmoid()), 1)


def deployed(net: RingNano) -> Deployed:
    """Return the network for inference; `net` itself is used up."""
    net.eval()
    fold_norms(net)
    fold_preparation(net)
    return Deployed(net).eval().requires_grad_(False)


def fold_norms(module: nn.Module) -> None:
    """Replace each convolution and its normalisation by one convolution."""
    for child in module.modules():
        if isinstance(child, ConvNorm):
            convolution, norm, act = child
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            child[0] = fuse_conv_bn_eval(convolution, norm)
            child[1] = nn.Identity()
            child[2] = act


def fold_preparation(net: RingNano) -> None:
    """Let the first convolution take 0..255; its border of zeros is zero on either scale."""
    first = net.backbone.stem[0]
    assert isinstance(first, nn.Conv2d)
    with torch.no_grad():
        first.weight *= PREPARATION


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how far ONNX Runtime is from PyTorch."""

    onnx: Path
    manifest: Path
    difference: float


def export(
    net: RingNano, out: Path, *, wh: tuple[int, int] = (416, 256), threshold: float = 0.5,
    name: str = "ring_nano",
) -> Exported:  # fmt: skip
    """Write `name`.onnx and its manifest, and open both as the agent does."""
    learned = deepcopy(net).eval()
    ready = deployed(net)
    path = out / f"{name}.onnx"
    torch.onnx.export(
        ready, (torch.zeros(2, 3, wh[1], wh[0]),), str(path), opset_version=OPSET,
        input_names=["images"], output_names=["output"], dynamo=False,
        dynamic_axes=AXES,
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(path), full_check=True)
    manifest = write_manifest(path, wh, threshold)
    return Exported(path, manifest, difference_of(learned, path, wh, manifest))


def write_manifest(path: Path, wh: tuple[int, int], threshold: float) -> Path:
    """Write the manifest beside a model."""
    manifest = path.with_suffix(".toml")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    text = MANIFEST.format(
        file=path.name, sha256=digest, width=wh[0], height=wh[1], threshold=threshold
    )
    manifest.write_text(text)
    return manifest


def difference_of(net: RingNano, path: Path, wh: tuple[int, int], manifest: Path) -> float:
    """Return the largest difference to the network as it learned, over sizes and batches.

    Raises: ModelError where the agent refuses the model.
    """
    open_detector(manifest, plan=Plan(lanes=1, batch=4), provider="cpu")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rng, worst = np.random.default_rng(1), 0.0
    for pictures, size in ((1, wh), (3, wh), (2, (640, 384))):
        images = rng.uniform(0, 255, (pictures, 3, size[1], size[0])).astype(np.float32)
        with torch.no_grad():
            raw = net(torch.from_numpy(images))
        scores = torch.cat((torch.ones_like(raw[..., :1]), raw[..., 4:].sigmoid()), -1)
        expected = torch.cat((raw[..., :4], scores), -1).numpy()
        worst = max(worst, float(np.abs(session.run(None, {"images": images})[0] - expected).max()))
    return worst


def main() -> None:
    """Export a checkpoint's averaged weights, or the mean of several checkpoints'."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, nargs="+",
                        help="several of one training: their mean")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--wh", type=int, nargs=2, default=(416, 256))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    net, step = load_mean(args.checkpoint)
    made = export(net, args.out, wh=tuple(args.wh), threshold=args.threshold)
    size = made.onnx.stat().st_size / 1e6
    log.info("step %d: %s, %.2f MB; ONNX Runtime differs from PyTorch by at most %.1e",
             step, made.onnx, size, made.difference)  # fmt: skip


if __name__ == "__main__":
    main()
