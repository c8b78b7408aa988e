from pathlib import Path

import pytest

from domov.config import ALL_MODELS, load
from domov.errors import BadOption
from domov.options import MODEL_OPTIONS, AdapterFile, ModelOptions, checked


def options(folder: Path, text: str) -> ModelOptions:
    (folder / "config.toml").write_text(text)
    return load({"DOMOV_HOME": str(folder)}).options_of(["m"])


def test_without_a_table_the_defaults_hold(tmp_path: Path) -> None:
    assert options(tmp_path, "port = 1") == ModelOptions()


def test_a_models_own_table_stands_above_that_of_all_models(tmp_path: Path) -> None:
    found = options(
        tmp_path, '[models."*"]\nslots = 2\nbatch_tokens = 64\n[models.m]\nslots = 4\n[models.other]\nslots = 9'
    )
    assert (found.slots, found.batch_tokens) == (4, 64)


def test_adapters_are_files_with_a_scale(tmp_path: Path) -> None:
    found = options(tmp_path, '[models.m]\nadapters = ["a.gguf", { file = "b.gguf", scale = 0.5 }, { file = "c" }]')
    assert found.adapters == (AdapterFile("a.gguf"), AdapterFile("b.gguf", 0.5), AdapterFile("c"))


def test_a_whole_number_is_a_number_too(tmp_path: Path) -> None:
    assert options(tmp_path, "[models.m]\nrope_factor = 2").rope_factor == 2.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models = 1", ("models", "[models.")),
        ("[models]\nm = 1", ('models."m"', "a table")),
        ("[models.m]\nslot = 1", ('models."m"', "slot", "slots")),
        ("[models.m]\nslots = -1", ('models."m".slots', "-1", "from 0 to 64")),
        ("[models.m]\nslots = true", ("slots", "True", "a whole number")),
        ('[models.m]\ncache_type = "q3"', ("cache_type", "'q3'", "f16 or", "q8_0")),
        ('[models.m]\nvalue_cache_type = "q3"', ("value_cache_type", '""')),
        ("[models.m]\nrope_factor = 0.5", ("rope_factor", "0.5", "a number from 1")),
        ("[models.m]\nrope_factor = nan", ("rope_factor", "nan")),
        ("[models.m]\ndraft_probability = 2", ("draft_probability", "2.0")),
        ('[models.m]\nshared_cache = "maybe"', ("shared_cache", "'maybe'", "true or false")),
        ('[models.m]\nspeculation = "magic"', ("speculation", "'magic'", "ngram")),
        ('[models.m]\nadapters = "a.gguf"', ("adapters", "a list like")),
        ("[models.m]\nadapters = [{ scale = 1.0 }]", ("adapters", "scale")),
        ('[models.m]\nadapters = [{ file = "a", scal = 1.0 }]', ("adapters", "scal")),
        ('[models.m]\nadapters = [{ file = "a", scale = inf }]', ("adapters", "inf")),
    ],
)
def test_a_mistake_names_table_key_value_and_choices(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(BadOption) as caught:
        options(tmp_path, text)
    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("option", MODEL_OPTIONS, ids=lambda f: f.name)
def test_every_default_is_allowed(option: object) -> None:
    assert option.name != ALL_MODELS  # type: ignore[attr-defined]
    if option.name != "adapters":  # type: ignore[attr-defined]
        assert checked(option, option.default, name="x") == option.default  # type: ignore[attr-defined,arg-type]
