"""Against compute buffers on an AMD MI300X: gpustack/gguf-parser-go, issue 44 (MiB)."""

import pytest

from domov.hardware.machine import described
from domov.sizing.plan import Wishes, make_plan
from domov.sizing.projector import projector_bytes
from domov.store.gguf import Header, Tensor
from tests.sizing.test_memory import MIB, shape


def projector(kind: str, *, hidden: int, feed_forward: int, image: int) -> Header:
    figures = {"embedding_length": hidden, "feed_forward_length": feed_forward, "attention.head_count": 16}
    figures |= {"image_size": image, "patch_size": 14}
    metadata = {"clip.projector_type": kind, **{f"clip.vision.{key}": value for key, value in figures.items()}}
    return Header(3, metadata, (Tensor("v.x", "F16", (10,), 0, 1000),), 0, 1000)


GEMMA3 = projector("gemma3", hidden=1152, feed_forward=4304, image=896)
QWEN2 = projector("qwen2vl_merger", hidden=1280, feed_forward=5120, image=560)


@pytest.mark.parametrize(
    ("header", "flash", "told_mib", "tolerance"),
    [(GEMMA3, False, 1132, 0.01), (GEMMA3, True, 121, 0.01), (QWEN2, False, 4598, 0.02), (QWEN2, True, 267, 0.1)],
)
def test_buffers_are_about_what_a_card_took(header: Header, flash: bool, told_mib: int, tolerance: float) -> None:
    assert projector_bytes(header, flash_attention=flash) == pytest.approx(told_mib * MIB, rel=tolerance)


def test_a_header_without_figures_counts_its_weights() -> None:
    assert projector_bytes(Header(3, {}, (Tensor("x", "F16", (10,), 0, 1000),), 0, 1000), flash_attention=True) == 1000


@pytest.mark.parametrize("machine", ["32 GB RAM", "24 GB GPU, 32 GB RAM"])
def test_a_plan_counts_the_projector_once_on_the_first_device(machine: str) -> None:
    without = make_plan(shape("gemma3:4b"), described(machine), Wishes(context_tokens=4096))
    plan = make_plan(shape("gemma3:4b"), described(machine), Wishes(context_tokens=4096, projector_bytes=900 * MIB))
    assert plan.needed_bytes - without.needed_bytes == 900 * MIB
    assert plan.devices[0].needed_bytes - without.devices[0].needed_bytes == 900 * MIB
    assert [d.needed_bytes for d in plan.devices[1:]] == [d.needed_bytes for d in without.devices[1:]]
