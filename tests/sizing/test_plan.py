import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadOption
from domov.sizing.plan import LEAST_CONTEXT_TOKENS, OVERHEAD_BYTES, make_plan
from domov.store.shape import Attention, ModelShape

SHAPE = ModelShape(
    architecture="llama",
    parameters=1_000_000_000,
    quantization="Q8_0",
    trained_context_tokens=32768,
    weights_bytes=1_000_000_000,
    attention=(Attention(kv_heads=4, key_size=64, value_size=64),) * 24,  # 24,576 bytes a token
    chat_template=None,
    licence=None,
)


def test_a_machine_with_room_gives_the_whole_context() -> None:
    plan = make_plan(SHAPE, free_bytes=16_000_000_000, cores=4)
    assert (plan.context_tokens, plan.threads) == (32768, 4)
    assert plan.cache_bytes == 32768 * 24_576


def test_the_users_limit_holds() -> None:
    assert make_plan(SHAPE, free_bytes=16_000_000_000, cores=4, most_context_tokens=8192).context_tokens == 8192


def test_little_room_halves_the_context_until_it_fits() -> None:
    room = 1_000_000_000 + OVERHEAD_BYTES + 5000 * 24_576
    assert make_plan(SHAPE, free_bytes=room, cores=1).context_tokens == 4096


@given(free=st.integers(0, 2**40), cores=st.integers(0, 256), limit=st.integers(0, 2**20))
def test_no_machine_is_refused_and_no_limit_is_broken(free: int, cores: int, limit: int) -> None:
    plan = make_plan(SHAPE, free_bytes=free, cores=cores, most_context_tokens=limit)
    assert plan.threads >= 1
    assert min(LEAST_CONTEXT_TOKENS, limit or LEAST_CONTEXT_TOKENS) <= plan.context_tokens <= (limit or 32768)


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(BadOption):
        make_plan(SHAPE, free_bytes=-1, cores=1)
