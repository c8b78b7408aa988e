"""From a machine that is not here down to the words that llama.cpp gets."""

from dataclasses import replace
from typing import Any

from domov.engine.launch import Endpoint, Launch
from domov.engine.parameters import arguments
from domov.engine.placing import as_planned, smaller
from domov.hardware.machine import described
from domov.options import ModelOptions
from domov.sizing.plan import Wishes, fallbacks, make_plan
from tests.sizing.test_memory import shape

LAUNCH = Launch("/m.gguf", Endpoint("/s"), 512, 2, parent=1)


def launch(name: str, machine: str, **options: Any) -> Launch:
    plan = make_plan(shape(name), described(machine), Wishes(context_tokens=4096))
    return as_planned(replace(LAUNCH, options=ModelOptions(**options)), plan)


def value(launched: Launch, flag: str) -> str | None:
    words = arguments(launched)
    return words[words.index(flag) + 1] if flag in words else None


def test_a_card_with_room_gets_all_layers_and_the_output() -> None:
    launched = launch("mistral:7b", "8 GB GPU, 32 GB RAM")
    assert value(launched, "--n-gpu-layers") == "33"
    assert value(launched, "--tensor-split") is None
    assert value(launched, "--ctx-size") == "4096"


def test_cards_of_unequal_size_get_as_many_layers_as_planned_for_each() -> None:
    launched = launch("mistral:7b", "4 GB GPU, 2 GB GPU, 32 GB RAM")
    counts = [int(count) for count in str(value(launched, "--tensor-split")).split(",")]
    assert counts[0] > counts[1] > 0
    assert sum(counts) == int(str(value(launched, "--n-gpu-layers")))


def test_experts_that_a_card_has_no_room_for_stay_in_main_memory() -> None:
    launched = launch("qwen3-coder:30b", "8 GB GPU, 64 GB RAM")
    assert value(launched, "--n-gpu-layers") == "49"
    assert 0 < int(str(value(launched, "--n-cpu-moe"))) < 48


def test_without_a_card_llama_cpp_is_told_nothing_of_devices() -> None:
    launched = launch("mistral:7b", "32 GB RAM")
    assert not {"--n-gpu-layers", "--tensor-split", "--n-cpu-moe"} & set(arguments(launched))


def test_what_is_set_by_hand_stays() -> None:
    launched = launch("qwen3-coder:30b", "8 GB GPU, 4 GB GPU, 64 GB RAM", gpu_layers=7)
    assert value(launched, "--n-gpu-layers") == "7"
    assert value(launched, "--tensor-split") is value(launched, "--n-cpu-moe") is None
    assert value(launch("qwen3-coder:30b", "8 GB GPU, 64 GB RAM", cpu_expert_layers=48), "--n-cpu-moe") == "48"


def test_batches_are_those_that_were_planned() -> None:
    wishes = Wishes(context_tokens=4096, batch_tokens=256, micro_batch_tokens=128)
    plan = make_plan(shape("mistral:7b"), described("32 GB RAM"), wishes)
    launched = as_planned(LAUNCH, plan)
    assert (value(launched, "--batch-size"), value(launched, "--ubatch-size")) == ("256", "128")


def test_the_last_resort_is_without_cards() -> None:
    machine = described("4 GB GPU, 2 GB GPU, 32 GB RAM")
    plan = make_plan(shape("mistral:7b"), machine, Wishes(context_tokens=4096))
    *_, last = fallbacks(plan)
    launched = smaller(as_planned(LAUNCH, plan), last)
    assert value(launched, "--n-gpu-layers") == "0"
    assert value(launched, "--tensor-split") is None
