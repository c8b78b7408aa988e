import pytest

from domov.errors import NotFound
from domov.store import blueprint, catalogue
from domov.store.blueprint import Blueprint
from domov.store.gguf import read_header
from domov.store.models import Model
from domov.store.shape import shape_of

NAMES = sorted(blueprint.load())
EXACT = ("smollm2:135m", "gemma3:270m", "qwen3:4b", "qwen3:8b", "gpt-oss:20b", "gemma4:e4b")  # as their makers count


def parameters(name: str) -> int:
    return sum(t.elements for t in blueprint.header(blueprint.load()[name]).tensors)


@pytest.mark.parametrize("name", EXACT)
def test_models_have_as_many_parameters_as_their_makers_say(name: str) -> None:
    (entry,) = [e for e in catalogue.load().entries if e.name == name]
    assert parameters(name) == entry.parameters


def test_the_catalogues_numbers_and_the_blueprints_agree() -> None:
    for entry in catalogue.load().entries:
        if entry.name in blueprint.load():
            assert parameters(entry.name) == pytest.approx(entry.parameters, rel=0.01), entry.name


def test_mistral_is_counted_by_hand() -> None:
    layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336 + 2 * 4096
    assert parameters("mistral:7b") == 32 * layer + 2 * 32768 * 4096 + 4096


@pytest.mark.parametrize("name", NAMES)
def test_every_blueprint_is_read_as_a_file_is(name: str) -> None:
    shape = shape_of(blueprint.header(blueprint.load()[name]), name=name)
    assert shape.trained_context_tokens >= 512
    assert shape.weights_bytes == 4 * shape.parameters


def test_a_real_file_has_the_tensors_of_its_blueprint(starter: Model) -> None:
    made = blueprint.header(blueprint.load()["smollm2:135m"])
    assert {(t.name, t.dimensions) for t in read_header(starter.path).tensors} == {
        (t.name, t.dimensions) for t in made.tensors
    }


def test_fewer_layers_are_the_first_ones() -> None:
    whole, cut = blueprint.load()["lfm2:350m"], blueprint.load()["lfm2:350m"].with_layers(4)
    assert cut.figures["attention.head_count_kv"] == [0, 0, 8, 0]
    assert list(blueprint.rows(cut)) == list(blueprint.rows(whole))[: len(list(blueprint.rows(cut)))]


def test_an_architecture_without_a_rule_is_named() -> None:
    with pytest.raises(NotFound, match="rwkv99"):
        blueprint.header(Blueprint("x", "rwkv99", 100, False, {"block_count": 1, "embedding_length": 8}))


def test_gemma_4_takes_values_from_keys_where_a_layer_sees_everything() -> None:
    """A file of the 12-billion model has 667 tensors (ikawrakow/ik_llama.cpp, pull request 1921)."""
    names = [t.name for t in blueprint.header(blueprint.load()["gemma4:12b"]).tensors]
    assert len(names) == 667
    assert "blk.4.attn_v.weight" in names and "blk.5.attn_v.weight" not in names
