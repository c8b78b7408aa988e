import pytest

from domov.hardware.machine import Gpu, Machine, Speeds, described
from domov.sizing.offload import place
from domov.sizing.settings import Settings
from domov.sizing.speed import Speed, bandwidth, predict
from tests.sizing.test_memory import shape

GB = 1_000_000_000
SPEEDS = Speeds(20e9, 1e-9, {"Q4_K": 10e9, "Q6_K": 10e9, "F32": 10e9}, {"Q4_K": 50e9, "Q6_K": 50e9, "F32": 50e9})
MEASURED = Machine("x", 4, 64 * GB, 64 * GB, speeds=SPEEDS)


def speed(name: str, machine: Machine, settings: Settings | None = None) -> Speed:
    model, settings = shape(name), settings or Settings(4096)
    return predict(model, settings, place(model, settings, machine), machine)


def test_mistral_on_a_processor_by_hand() -> None:
    model = shape("mistral:7b")
    seconds = (model.read_bytes / 10e9 + 1000 * 131_072 / 20e9) / 0.69  # what products alone would take, and the rest
    assert speed("mistral:7b", MEASURED).answer.middle == pytest.approx(1 / seconds, rel=0.001)
    assert speed("mistral:7b", MEASURED).measured


def test_the_prompt_is_read_as_fast_as_the_processor_multiplies() -> None:
    assert speed("mistral:7b", MEASURED).prompt.middle == pytest.approx(50e9 / 7.11e9, rel=0.01)


def test_a_mixture_answers_faster_than_its_size() -> None:
    assert speed("qwen3-coder:30b", MEASURED).answer.middle > 1.5 * speed("mistral:7b", MEASURED).answer.middle


def test_a_card_is_faster_and_half_a_card_in_between() -> None:
    none, half, whole = (
        speed("mistral:7b", described(text)).answer.middle
        for text in ("32 GB RAM", "3 GB GPU, 32 GB RAM", "12 GB GPU, 32 GB RAM")
    )
    assert none < half < whole


def test_what_was_not_measured_has_a_wide_interval() -> None:
    guessed, measured = speed("mistral:7b", described("32 GB RAM")).answer, speed("mistral:7b", MEASURED).answer
    assert guessed.high / guessed.low > 2 * measured.high / measured.low


def test_the_disk_is_slowest() -> None:
    assert speed("mistral:7b", described("3 GB RAM")).answer.middle < 2


@pytest.mark.parametrize(
    ("description", "expected"),
    [("NVIDIA GeForce RTX 4060 Ti", 288e9), ("NVIDIA GeForce RTX 4090", 1008e9), ("Apple M4 Max", 546e9), ("?", 350e9)],
)
def test_cards_are_known_by_the_longest_name(description: str, expected: float) -> None:
    assert bandwidth(Gpu("CUDA0", 1, 1, description)) == expected
