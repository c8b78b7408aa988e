import pytest

from domov.errors import BadOption
from domov.store import blueprint, catalogue
from domov.store.gguf import Header, read_header
from domov.store.models import Model
from domov.store.recipe import RECIPES, retyped, tensor_bytes


def weights_bytes(header: Header) -> int:
    return sum(t.size_bytes for t in header.tensors)


def variant(name: str, quantization: str) -> int:
    return weights_bytes(retyped(blueprint.header(blueprint.load()[name]), quantization))


def test_a_block_of_q4_k_is_144_bytes_for_256_values() -> None:
    assert tensor_bytes(512, "Q4_K") == 288


def test_a_real_quantized_file_is_typed_as_the_rules_say(starter: Model) -> None:
    header = read_header(starter.path)
    made = retyped(header, "Q4_1")
    assert [(t.name, t.type, t.size_bytes) for t in made.tensors] == [
        (t.name, t.type, t.size_bytes) for t in header.tensors
    ]


# Published files: (model, quantization). The rest of a file is its tokenizer, 0.2 to 6 MB, and 3 % in a very small one.
@pytest.mark.parametrize(
    "name",
    ["smollm2:1.7b", "mistral:7b", "eurollm:9b", "qwen3:1.7b", "qwen3:4b", "qwen3:8b", "qwen3-coder:30b", "gemma3:4b"],
)
def test_published_q4_k_m_files_have_the_size_foreseen(name: str) -> None:
    (entry,) = [e for e in catalogue.load().entries if e.name == name]
    assert 0 < entry.download_bytes - variant(name, "Q4_K_M") < 8_000_000


def test_the_reference_figures_for_weights_alone_are_reproduced() -> None:
    # 2, 1, 0.5 GB; 14, 7, 4 GB; 26, 13, 7 GB: rounded there, and 4-bit types have 4.5 bits and more a weight
    gigabytes = {
        name: [round(variant(name, q) / 1e9, 1) for q in ("F16", "Q8_0", "Q4_0")]
        for name in ("tinyllama:1.1b", "mistral:7b", "llama2:13b")
    }
    assert gigabytes == {
        "tinyllama:1.1b": [2.2, 1.2, 0.6],
        "mistral:7b": [14.5, 7.7, 4.1],
        "llama2:13b": [26.0, 13.8, 7.4],
    }


@pytest.mark.parametrize("name", sorted(blueprint.load()))
def test_more_bits_take_more_memory(name: str) -> None:
    sizes = [variant(name, q) for q in ("F32", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")]
    assert sizes == sorted(sizes, reverse=True)


def test_rows_that_a_block_does_not_divide_get_another_type() -> None:
    made = retyped(blueprint.header(blueprint.load()["smollm2:135m"]), "Q4_K_M")  # rows of 576
    assert {t.type for t in made.tensors} == {"F32", "Q5_0", "Q8_0", "Q4_K", "Q6_K"}


def test_an_unknown_quantization_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadOption, match="Q9_X") as caught:
        variant("mistral:7b", "Q9_X")
    assert all(name in caught.value.hint for name in RECIPES)
