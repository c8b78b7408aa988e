import pytest

from domov.errors import BadModelFile
from domov.store.gguf import parse_header
from domov.store.shape import Attention, ModelShape, shape_of
from tests.hub import number_value, numbers_value, text_value, tiny_gguf


def shape(**metadata: bytes | None) -> ModelShape:
    """The shape of the tiny file with other keys; `_` stands for a dot, `__` for itself."""
    keys = {key.replace("__", "\0").replace("_", ".").replace("\0", "_"): value for key, value in metadata.items()}
    content = tiny_gguf(keys)
    header = parse_header(lambda at, count: content[at : at + count], size_bytes=len(content), name="tiny")
    return shape_of(header, name="tiny")


def refused(**metadata: bytes | None) -> str:
    with pytest.raises(BadModelFile) as caught:
        shape(**metadata)
    assert caught.value.message.startswith("not a usable model file: tiny: ")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    return caught.value.message


def test_a_tiny_files_figures_are_counted_by_hand() -> None:
    found = shape()
    assert (found.architecture, found.quantization, found.licence) == ("llama", "Q8_0", "mit")
    assert (found.chat_template, found.task) == ("{{ messages }}", "chat")
    assert found.parameters == 8 * 4 + 32 * 2 + 8
    assert found.weights_bytes == 128 + 68 + 32
    assert found.trained_context_tokens == 64
    assert found.attention == (Attention(kv_heads=1, key_size=4, value_size=4),) * 2  # 8 values in 2 heads


def test_key_and_value_sizes_are_taken_from_the_file_where_it_has_them() -> None:
    found = shape(llama_attention_key__length=number_value(128), llama_attention_value__length=number_value(64))
    assert found.attention == (Attention(1, 128, 64),) * 2


def test_layers_may_have_heads_of_their_own() -> None:
    found = shape(llama_attention_head__count__kv=numbers_value([2, 0]))
    assert found.attention == (Attention(2, 4, 4),)  # the second layer has no attention


def test_without_kv_heads_each_layer_has_as_many_as_heads() -> None:
    found = shape(llama_attention_head__count__kv=None, llama_attention_head__count=numbers_value([2, 4]))
    assert [a.kv_heads for a in found.attention] == [2, 4]


def test_a_model_without_attention_has_no_attention_layers() -> None:
    # mamba files say head_count 0
    found = shape(llama_attention_head__count=number_value(0), llama_attention_head__count__kv=None)
    assert found.attention == ()


def test_a_base_model_has_no_template() -> None:
    assert shape(tokenizer_chat__template=None).chat_template is None
    assert shape(tokenizer_chat__template=number_value(1)).chat_template is None


@pytest.mark.parametrize("value", [None, number_value(9999), text_value("Q8_0"), numbers_value([7])])
def test_a_file_type_that_is_not_known_is_unknown(value: bytes | None) -> None:
    assert shape(general_file__type=value).quantization == "unknown"


@pytest.mark.parametrize("key", ["block__count", "context__length", "embedding__length"])
@pytest.mark.parametrize(
    "value", [None, number_value(0), text_value("x" * 100_000), numbers_value([1] * 4000), numbers_value([1] * 5000)]
)
def test_a_figure_that_is_missing_or_none_is_refused_by_name(key: str, value: bytes | None) -> None:
    assert f"llama.{key.replace('__', '_')}" in refused(**{f"llama_{key}": value})


def test_a_file_without_architecture_is_refused() -> None:
    assert "architecture" in refused(general_architecture=None)
    assert "architecture" in refused(general_architecture=number_value(1))


@pytest.mark.parametrize("name", ["", "\x1b[31mred", "llama\n", "a" * 1000])
def test_an_architecture_that_is_no_word_is_refused(name: str) -> None:
    assert "architecture" in refused(general_architecture=text_value(name))


def test_a_file_without_tensors_is_refused() -> None:
    content = tiny_gguf(tensors=[])
    header = parse_header(lambda at, count: content[at : at + count], size_bytes=len(content), name="tiny")
    with pytest.raises(BadModelFile, match="no tensors"):
        shape_of(header, name="tiny")


def test_absurd_layer_counts_are_refused() -> None:
    assert "layers" in refused(llama_block__count=number_value(4097))


@pytest.mark.parametrize(
    "value",
    [numbers_value([1]), numbers_value([1, -1]), numbers_value([1, 1 << 30]), text_value("2"), numbers_value([])],
)
@pytest.mark.parametrize("key", ["head__count", "head__count__kv"])
def test_impossible_head_counts_are_refused(key: str, value: bytes) -> None:
    assert "head_count" in refused(**{f"llama_attention_{key}": value})
