import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadOption
from domov.hardware.machine import Machine, described
from domov.sizing.plan import LEAST_CONTEXT_TOKENS, Plan, Wishes, fallbacks, make_plan
from domov.store.shape import Attention, ModelShape

GB = 1_000_000_000
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


def machine(free_bytes: int, cores: int = 4) -> Machine:
    return Machine("a processor", cores, free_bytes, free_bytes)


def test_a_machine_with_room_gives_the_whole_context() -> None:
    plan = make_plan(SHAPE, machine(16 * GB))
    assert (plan.context_tokens, plan.threads, plan.verdict) == (32768, 4, "fits")
    assert plan.cache_bytes == 32768 * 24_576


def test_the_users_limit_holds() -> None:
    assert make_plan(SHAPE, machine(16 * GB), Wishes(context_tokens=8192)).context_tokens == 8192


def test_little_room_gives_the_largest_context_that_fits() -> None:
    room = make_plan(SHAPE, machine(16 * GB), Wishes(context_tokens=5120)).needed_bytes
    plan = make_plan(SHAPE, machine(room))
    assert plan.context_tokens == 5120
    assert plan.needed_bytes <= room


def test_slots_share_the_room() -> None:
    one, four = (make_plan(SHAPE, machine(2 * GB), Wishes(slots=n)) for n in (1, 4))
    assert four.slots == 4
    assert four.context_tokens < one.context_tokens
    assert four.needed_bytes <= 2 * GB


def test_a_wish_that_does_not_fit_is_planned_all_the_same_and_said() -> None:
    plan = make_plan(SHAPE, machine(GB), Wishes(context_tokens=32768, exact=True))
    assert (plan.context_tokens, plan.verdict) == (32768, "disk")  # of the weights so much is read again for each token


def test_weights_larger_than_memory_are_read_from_the_disk() -> None:
    plan = make_plan(SHAPE, machine(800_000_000))
    assert plan.verdict == "disk"
    assert 0 < plan.disk_bytes < SHAPE.weights_bytes
    assert plan.speed and plan.speed.answer.high < 10


@given(free=st.integers(0, 2**40), limit=st.integers(0, 2**20), slots=st.integers(1, 8))
def test_no_machine_is_refused_and_no_limit_is_broken(free: int, limit: int, slots: int) -> None:
    plan = make_plan(SHAPE, machine(free), Wishes(context_tokens=limit, slots=slots))
    assert plan.threads >= 1
    assert min(LEAST_CONTEXT_TOKENS, limit or LEAST_CONTEXT_TOKENS) <= plan.context_tokens <= (limit or 32768)
    assert sum(share.needed_bytes for share in plan.devices) == plan.needed_bytes


@given(less=st.integers(0, 2**36), more=st.integers(0, 2**36))
def test_more_memory_never_gives_less_context(less: int, more: int) -> None:
    small, large = make_plan(SHAPE, machine(less)), make_plan(SHAPE, machine(less + more))
    assert small.context_tokens <= large.context_tokens


@pytest.mark.parametrize(
    "wishes", [Wishes(context_tokens=-1), Wishes(threads=-1), Wishes(slots=0), Wishes(slots=1 << 40), Wishes(slots=-3)]
)
def test_impossible_wishes_are_refused(wishes: Wishes) -> None:
    with pytest.raises(BadOption):
        make_plan(SHAPE, machine(GB), wishes)


def steps(wishes: Wishes) -> list[Plan]:
    plan = make_plan(SHAPE, described("8 GB GPU, 16 GB RAM"), wishes)
    return [plan, *fallbacks(plan)]


def test_fallbacks_take_less_and_less_and_end() -> None:
    found = steps(Wishes(slots=4))
    assert all(later.needed_bytes <= earlier.needed_bytes for earlier, later in zip(found, found[1:], strict=False))
    last = found[-1]
    assert (last.slots, last.context_tokens, last.cache_type) == (1, LEAST_CONTEXT_TOKENS, "q8_0")
    assert last.gpu_layers == 0
    assert len(found) < 20


def test_slots_are_given_up_before_context_and_context_before_precision() -> None:
    found = steps(Wishes(slots=2))
    assert found[1].slots == 1
    assert found[1].context_tokens == found[0].context_tokens
    assert found[2].context_tokens == found[0].context_tokens // 2
    assert found[2].cache_type == "f16"
