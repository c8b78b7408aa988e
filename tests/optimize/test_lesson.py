"""What pruning and training are told to do, and what they take: pure, without torch."""

from dataclasses import replace
from itertools import chain

import pytest

from domov.errors import BadInput, BadOption, Refused
from domov.optimize.architecture import Architecture, architecture_of, changed_figures
from domov.optimize.cuts import Cuts, rounded, sizes_wanted
from domov.optimize.distill import Beginning, beginning_of, begun, licences
from domov.optimize.lesson import Lesson, checked, evenly, held_out, memory_bytes, order_of, planned, rate_at
from domov.store.gguf import Header, parse_header
from tests.tiny_models import tiny

SMOLLM2 = Architecture("llama", 30, 576, 9, 3, 64, 1536, 49152, 1e-5, 1e5)


def header_of(content: bytes) -> Header:
    return parse_header(lambda start, count: content[start : start + count], size_bytes=len(content), name="x")


def test_smollm2_has_134_million_weights_in_its_matrices() -> None:
    # a layer: 576 x 64 x (2 x 9 + 2 x 3) + 3 x 576 x 1536; 30 of them, and 576 x 49152 for tokens
    assert SMOLLM2.layer_parameters == 884_736 + 2_654_208
    assert SMOLLM2.matrix_parameters == 30 * 3_538_944 + 28_311_552


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "gemma3"])
def test_an_architecture_is_read_from_a_file(kind: str) -> None:
    found = architecture_of(header_of(tiny(kind)), name="x")
    assert (found.layers, found.hidden, found.heads, found.kv_heads, found.head_size) == (2, 32, 4, 2, 8)
    assert found.tied and found.interleaved == (kind == "llama")
    assert found.window_of(0) == (24 if kind == "gemma3" else 0)


def test_what_training_does_not_know_is_named() -> None:
    content = tiny()
    with pytest.raises(BadInput, match="architecture falcon") as caught:
        architecture_of(
            replace(h := header_of(content), metadata={**h.metadata, "general.architecture": "falcon"}), name="x"
        )
    assert "qwen2" in caught.value.hint
    strange = content.replace(b"blk.1.ffn_gate.weight", b"blk.1.ffn_gatf.weight")
    with pytest.raises(BadInput, match="blk.1.ffn_gatf.weight"):
        architecture_of(header_of(strange), name="x")
    yarn = replace(h, metadata={**h.metadata, "llama.rope.scaling.type": "yarn"})
    with pytest.raises(BadInput, match="yarn"):
        architecture_of(yarn, name="x")


def test_only_the_keys_that_change_are_changed() -> None:
    assert changed_figures(SMOLLM2, replace(SMOLLM2, layers=26)) == {"llama.block_count": 26}
    keys = changed_figures(SMOLLM2, replace(SMOLLM2, heads=6, kv_heads=2))
    assert keys["llama.attention.key_length"] == 64 and keys["llama.rope.dimension_count"] == 64


def wanted(**cuts: object) -> Architecture:
    return sizes_wanted(SMOLLM2, Cuts(**cuts), kind="F16", rest_bytes=2_000_000)  # type: ignore[arg-type]


def test_cuts_become_sizes() -> None:
    assert wanted(layers=4).layers == 26
    assert wanted(width=0.1).feed_forward == 1376  # 43 x 32; 1382 was wished
    assert rounded(14336, 14336 * 0.9) == 12800  # 50 x 256, within 2 %
    assert (wanted(heads=1).heads, wanted(heads=1).kv_heads) == (6, 2)
    fitting = wanted(size_bytes=240_000_000)
    # (240 MB - 2) / 2 bytes - 28.3 M - 30 x 884,736 leaves 64.1 M for 30 x 3 x 576 x channels
    assert fitting.feed_forward == 1216


@pytest.mark.parametrize(
    ("cuts", "why"),
    [
        ({}, "say what to leave out"),
        ({"layers": 29}, "can't be left out of 30"),
        ({"heads": 3}, "heads of keys can't"),
        ({"width": 1.0}, "width"),
        ({"size_bytes": 90_000_000}, "at least"),
    ],
)
def test_cuts_that_can_not_be_are_refused(cuts: dict[str, object], why: str) -> None:
    with pytest.raises((BadOption, Refused), match=why):
        wanted(**cuts)


def test_layers_of_gemma_and_heads_of_qwen2_stay() -> None:
    with pytest.raises(BadInput, match="heads of qwen2"):
        sizes_wanted(replace(SMOLLM2, name="qwen2"), Cuts(heads=1), kind="F16", rest_bytes=0)
    with pytest.raises(BadInput, match="one in six"):
        sizes_wanted(replace(SMOLLM2, name="gemma3"), Cuts(layers=2), kind="F16", rest_bytes=0)


def test_the_rate_goes_up_and_comes_down() -> None:
    rates = [rate_at(Lesson(steps=100, rate=1.0), step) for step in range(100)]
    assert rates[0] == 0.1 and max(rates) == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0.1 < rates[-1] < 0.11


def test_each_piece_is_taken_once_before_any_is_taken_again() -> None:
    lesson = Lesson(steps=6, batch=3)
    steps = list(order_of(9, lesson))
    assert sorted(chain(*steps[:3])) == list(range(9)) == sorted(chain(*steps[3:]))
    assert steps[:3] != steps[3:] and list(order_of(9, lesson, first_step=4)) == steps[4:]


def test_some_pieces_are_held_out_and_numbers_are_spread_evenly() -> None:
    assert held_out(1) == [] and held_out(5) == [0] and len(held_out(1000)) == 4
    assert evenly(4, 10) == [0, 3, 6, 9] and evenly(1, 5) == [0]


def test_as_many_pieces_at_once_as_memory_has_room_for() -> None:
    lesson = Lesson(batch=8)
    most, least = (memory_bytes(SMOLLM2, SMOLLM2, lesson, at_once=n) for n in (8, 1))
    assert planned(SMOLLM2, SMOLLM2, lesson, free_bytes=most).at_once == 8
    assert planned(SMOLLM2, SMOLLM2, lesson, free_bytes=most - 1).at_once == 4
    assert planned(SMOLLM2, SMOLLM2, lesson, free_bytes=least).at_once == 1
    with pytest.raises(Refused, match="are free"):
        planned(SMOLLM2, SMOLLM2, lesson, free_bytes=least - 1)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}, {"rate": 2.0}, {"own_share": -0.1}, {"piece_tokens": 7}])
def test_a_lesson_that_can_not_be_meant_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="can't be"):
        checked(replace(Lesson(), **wrong))  # type: ignore[arg-type]


def test_a_student_is_begun_from_a_configuration() -> None:
    half = begun(SMOLLM2, beginning_of({"layers": 15, "feed_forward": 1024}))
    assert (half.layers, half.feed_forward, half.hidden) == (15, 1024, 576)
    small = begun(SMOLLM2, Beginning(layers=8, hidden=256, heads=4, kv_heads=2, feed_forward=512, init="random"))
    assert (small.head_size, small.heads, small.kv_heads) == (64, 4, 2)


@pytest.mark.parametrize(
    "table",
    [{"depth": 3}, {"layers": "many"}, {"layers": 0}, {"init": "magic"}, {"hidden": 256}, {"layers": 60},
     {"init": "random", "hidden": 250}, {"feed_forward": 4096}],
)  # fmt: skip
def test_a_student_that_can_not_be_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(BadOption):
        begun(SMOLLM2, beginning_of(table))


def test_licences_of_all_that_went_in_are_kept() -> None:
    assert licences(["apache-2.0", "apache-2.0"]) == "apache-2.0"
    assert licences(["apache-2.0", "Gemma terms", ""]) == "apache-2.0; and Gemma terms"
