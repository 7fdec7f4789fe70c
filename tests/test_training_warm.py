"""A training that begins from an exported network knows what it knew."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch, for training only")

from models.training.net import RingNano, Shape  # noqa: E402
from models.training.warm import begin_from  # noqa: E402

EXPORTED = Path(__file__).parent.parent / "models" / "ring_nano.onnx"


def pictures(seed: int) -> "torch.Tensor":
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (4, 3, 8, 8)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, size=(128, 160), mode="bilinear")


def begun() -> RingNano:
    net = RingNano()
    begin_from(net, EXPORTED, pictures(1))
    return net


def test_it_answers_what_the_exported_network_answers() -> None:
    images = pictures(2)
    session = onnxruntime.InferenceSession(str(EXPORTED), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"images": images.numpy()})[0]
    with torch.no_grad():
        found = begun().eval()(images).numpy()
    np.testing.assert_allclose(found[..., :4], wanted[..., :4], atol=1e-3)
    np.testing.assert_allclose(1 / (1 + np.exp(-found[..., 4:])), wanted[..., 5:], atol=1e-4)


def test_its_normalisations_are_those_of_the_pictures_it_was_given() -> None:
    net = begun()
    with torch.no_grad():
        learning, knowing = net.train()(pictures(1)), net.eval()(pictures(1))
    assert (learning - knowing).abs().max() < 0.05 * knowing.abs().max()


def test_another_shape_is_refused_with_the_weight_that_differs() -> None:
    with pytest.raises(ValueError, match=r"weight backbone\.stem\.0: \(16, 3, 3, 3\), not \(8,"):
        begin_from(RingNano(Shape(stem=8)), EXPORTED, pictures(1))
