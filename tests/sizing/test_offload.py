import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.hardware.machine import Gpu, Machine, described
from domov.sizing.memory import PROCESS_BYTES, memory
from domov.sizing.offload import GPU_RESERVE_BYTES, place
from domov.sizing.settings import Settings
from tests.sizing.test_memory import shape

GB = 1_000_000_000
MISTRAL = shape("mistral:7b")
CONTEXT = Settings(8192)


def test_without_a_card_everything_lies_in_ram() -> None:
    where = place(MISTRAL, CONTEXT, described("32 GB RAM"))
    (ram,) = where.shares
    assert ram.needed_bytes == memory(MISTRAL, CONTEXT).buffers_bytes + PROCESS_BYTES
    assert where.verdict == "fits"


def test_a_card_with_room_takes_all_but_the_embeddings() -> None:
    where = place(MISTRAL, CONTEXT, described("24 GB GPU, 32 GB RAM"))
    assert where.gpu_layers == 33  # the output is one more
    card, ram = where.shares
    assert card.weights_bytes == MISTRAL.weights_bytes - MISTRAL.input_bytes
    assert ram.weights_bytes == MISTRAL.input_bytes


def test_a_small_card_takes_the_last_layers() -> None:
    where = place(MISTRAL, CONTEXT, described("4 GB GPU, 32 GB RAM"))
    card, ram = where.shares
    assert 0 < where.gpu_layers < 33
    assert card.needed_bytes <= 4 * GB - GPU_RESERVE_BYTES
    assert card.weights_bytes + ram.weights_bytes == MISTRAL.weights_bytes


def test_cards_of_unequal_size_share_as_they_have_room() -> None:
    machine = Machine("x", 8, 64 * GB, 64 * GB, (Gpu("CUDA0", 4 * GB, 4 * GB), Gpu("CUDA1", 2 * GB, 2 * GB)))
    where = place(MISTRAL, CONTEXT, machine)
    assert where.layers_per_gpu[0] > where.layers_per_gpu[1] > 0
    assert all(s.needed_bytes <= s.free_bytes for s in where.shares)


def test_a_mixture_that_does_not_fit_leaves_experts_in_ram() -> None:
    mixture = shape("qwen3-coder:30b")
    where = place(mixture, CONTEXT, described("8 GB GPU, 64 GB RAM"))
    assert where.gpu_layers == 49  # every layer's attention is on the card
    assert 0 < where.cpu_expert_layers < 48
    assert where.shares[0].needed_bytes <= 8 * GB - GPU_RESERVE_BYTES


def test_a_tied_output_lies_on_the_card_and_its_embedding_in_ram() -> None:
    tied = shape("gemma3:4b")
    card, ram = place(tied, CONTEXT, described("24 GB GPU, 32 GB RAM")).shares
    assert ram.weights_bytes >= tied.input_bytes
    assert card.weights_bytes + ram.weights_bytes > tied.weights_bytes


def test_a_computer_without_memory_gets_an_answer() -> None:
    assert place(MISTRAL, CONTEXT, described("512 MB RAM")).verdict in ("no", "disk")
    assert place(MISTRAL, CONTEXT, Machine("x", 1, 0, 0)).verdict == "no"


@pytest.mark.parametrize("name", ["mistral:7b", "qwen3-coder:30b", "gemma4:e4b", "granite4-h:350m"])
@given(gpus=st.lists(st.integers(0, 48 * GB), max_size=4), ram=st.integers(0, 256 * GB))
def test_nothing_is_lost_and_no_card_is_filled_too_far(name: str, gpus: list[int], ram: int) -> None:
    model = shape(name)
    machine = Machine("x", 8, ram, ram, tuple(Gpu(f"G{n}", size, size) for n, size in enumerate(gpus)))
    where = place(model, CONTEXT, machine)
    assert sum(s.weights_bytes for s in where.shares) >= model.weights_bytes
    m = memory(model, CONTEXT)
    assert sum(s.cache_bytes for s in where.shares) == m.cache_bytes + m.state_bytes
    assert all(s.needed_bytes <= s.free_bytes for s in where.shares[:-1])
    assert 0 <= where.gpu_layers <= len(model.layers) + 1
