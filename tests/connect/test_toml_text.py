"""Changes in TOML: settings at the top, tables of ours, nothing else."""

import pytest

from domov.connect.toml_text import NotToml, put

CONFIG = """# mine
model = "gpt"   # best

[profiles.x]
a = 1 # one
"""
PROVIDER: dict[tuple[str, ...], dict[str, str]] = {
    ("model_providers", "domov"): {"name": "Domov", "base_url": "http://127.0.0.1:1/v1"}
}


def test_settings_go_before_the_tables_and_comments_stay() -> None:
    after = put(CONFIG, {"model": "qwen3:4b", "model_provider": "domov"}, PROVIDER)
    assert after == (
        '# mine\nmodel = "qwen3:4b"   # best\nmodel_provider = "domov"\n\n[profiles.x]\na = 1 # one\n\n'
        '[model_providers.domov]\nname = "Domov"\nbase_url = "http://127.0.0.1:1/v1"\n'
    )
    assert put(after, {"model": "qwen3:4b"}, PROVIDER) == after


def test_other_keys_of_a_table_stay() -> None:
    after = put("[model_providers.domov]\nstream_max_retries = 3 # mine\n", {}, PROVIDER)
    assert "stream_max_retries = 3 # mine" in after and 'name = "Domov"' in after


@pytest.mark.parametrize("text", ["model = ", "[a]\n[a]\n", "model_providers = 3\n"])
def test_what_is_no_toml_or_in_the_way_is_refused(text: str) -> None:
    with pytest.raises(NotToml):
        put(text, {"model": "x"}, PROVIDER)
