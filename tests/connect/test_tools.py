"""What each tool is told: files in the places where it looks, with what its users have in them kept."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from domov.connect import jsonc, yaml_text
from domov.connect.agents import Codex
from domov.connect.editors import Continue, Zed
from domov.connect.elsewhere import able
from domov.connect.roles import Able, Roles, choose
from domov.connect.table import TOOLS, find
from domov.connect.tool import Places, Target, Tool
from domov.errors import BadOption, NoSuchModel

URL = "http://127.0.0.1:36668"
CHAT = Able("qwen3:4b", "chat", 4_000_000_000, 16384, chats=True, thinks=True)
CODER = Able("qwen2.5-coder:1.5b", "chat", 1_500_000_000, 8192, chats=True, family="qwen")
EMBED = Able("bge-m3", "embedding", 568_000_000, 8192)
RERANK = Able("qwen3-reranker:0.6b", "reranking", 600_000_000, 8192)
ROLES = choose([CODER, EMBED, CHAT, RERANK])
ALONE = choose([CHAT])
KEY = "dmv-secret"


def places(home: Path, system: str = "linux", **environ: str) -> Places:
    return Places(system, home, environ, lambda _: None)


def written(tool: Tool, target: Target, home: Path, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """The texts of a tool's files, by name."""
    texts = before or {}
    return {c.path.name: c.edit(texts.get(c.path.name, "")) for c in tool.changes(places(home), target)}


def test_the_largest_that_fits_chats_and_the_quick_one_completes() -> None:
    huge = Able("llama:70b", "chat", 70_000_000_000, 8192, fits=False, chats=True)
    slow = Able("codestral:22b", "chat", 22_000_000_000, 8192, chats=True, family="codestral")
    roles = choose([huge, CODER, slow, CHAT, EMBED])
    assert roles.chats == (slow, CHAT, CODER, huge)
    assert (roles.autocomplete, roles.embed, roles.rerank) == (CODER, EMBED, None)
    assert choose([slow]).autocomplete == slow  # better a slow one than none
    assert choose([CHAT, CODER], chat=CODER.name).chat == CODER
    assert list(roles.missing) == ["rerank"] and "domov pull" in roles.missing["rerank"]


def test_without_a_model_for_chat_there_is_nothing_to_connect() -> None:
    with pytest.raises(NoSuchModel, match="chats"):
        choose([EMBED])
    with pytest.raises(BadOption, match="bge-m3 does not chat"):
        choose([EMBED, CHAT], chat="bge-m3")


def test_a_server_elsewhere_tells_what_its_models_can_do() -> None:
    shown = {
        "capabilities": ["completion", "tools", "insert", "vision"],
        "template": "{{ .Prompt }}{{ .Suffix }}",
        "details": {"parameter_size": "1.5B"},
        "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768},
    }
    assert able("coder", shown) == Able("coder", "chat", 1_500_000_000, 4096, chats=True, family="told", sees=True)
    assert able("coder", {**shown, "parameters": "stop x\nnum_ctx    16384"}).context_tokens == 16384
    assert able("bge", {"capabilities": ["embedding"]}) == Able("bge", "embedding", 0, 4096)
    assert able("ranker", {"capabilities": []}).task == "reranking"


def test_a_tool_is_found_by_its_name_or_with_the_nearest_ones() -> None:
    assert find("Zed").name == "zed"
    with pytest.raises(BadOption) as refused:
        find("contine")
    assert refused.value.hint == "did you mean continue?"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda t: t.name)
@pytest.mark.parametrize("roles", [ROLES, ALONE], ids=["all", "chat alone"])
def test_every_tool_writes_or_says_where_the_server_is_and_which_model(
    tool: Tool, roles: Roles, tmp_path: Path
) -> None:
    target = Target(URL, roles, KEY)
    told = "\n".join([*written(tool, target, tmp_path).values(), tool.words(target)])
    assert URL in told and roles.chat.name in told and tool.title and tool.install
    assert KEY in told or tool.name in ("codex", "zed")  # those two take it from elsewhere, and say so
    if tool.name in ("codex", "zed"):
        assert "key" in tool.words(target)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda t: t.name)
def test_what_is_written_twice_stays_the_same(tool: Tool, tmp_path: Path) -> None:
    once = written(tool, Target(URL, ROLES), tmp_path)
    assert written(tool, Target(URL, ROLES), tmp_path, once) == once


@pytest.mark.parametrize("tool", TOOLS, ids=lambda t: t.name)
def test_a_malformed_file_is_refused_and_not_replaced(tool: Tool, tmp_path: Path) -> None:
    for change in tool.changes(places(tmp_path), Target(URL, ROLES)):
        if change.path.suffix != ".txt":
            with pytest.raises(ValueError, match=r"."):
                change.edit("}{")


def test_continue_gets_a_model_for_each_role_beside_the_users_own(tmp_path: Path) -> None:
    mine = "name: Mine\nversion: 0.0.1\nschema: v1\nmodels:\n  # cloud\n  - name: Sonnet\n    provider: anthropic\n"
    text = written(Continue(), Target(URL, ROLES), tmp_path, {"config.yaml": mine})["config.yaml"]
    assert "  # cloud\n  - name: Sonnet\n    provider: anthropic\n" in text
    config = yaml_text.parse(text)
    roles = {role: m for m in config["models"] for role in m.get("roles", [])}
    assert {role: m["model"] for role, m in roles.items()} == {
        "chat": CHAT.name,
        "edit": CHAT.name,
        "apply": CHAT.name,
        "autocomplete": CODER.name,
        "embed": EMBED.name,
        "rerank": RERANK.name,
    }
    # The marks of the gap are the server's work: only through this provider does Continue leave them to it.
    assert (roles["autocomplete"]["provider"], roles["autocomplete"]["apiBase"]) == ("ollama", URL)
    assert config["name"] == "Mine"


def test_a_config_json_of_continues_is_not_put_out_of_use(tmp_path: Path) -> None:
    (tmp_path / ".continue").mkdir()
    (tmp_path / ".continue" / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="config.json"):
        written(Continue(), Target(URL, ROLES), tmp_path)
    assert written(Continue(), Target(URL, ROLES), tmp_path, {"config.yaml": "name: Mine\n"})


def test_zed_is_told_the_marks_that_the_file_has_and_nothing_where_it_knows_none(tmp_path: Path) -> None:
    mine = '{\n  // mine\n  "edit_predictions": { "mode": "subtle" },\n}\n'
    settings = written(Zed(), Target(URL, ROLES), tmp_path, {"settings.json": mine})["settings.json"]
    assert "// mine" in settings
    predictions = jsonc.parse(settings)["edit_predictions"]
    assert predictions["mode"] == "subtle" and predictions["provider"] == "ollama"
    assert predictions["ollama"]["prompt_format"] == "qwen"
    seed = Able("seed", "chat", 1, 8192, chats=True, family="seed_coder")
    alone = written(Zed(), Target(URL, choose([seed])), tmp_path)["settings.json"]
    assert "edit_predictions" not in alone


def test_codex_keeps_a_users_settings_and_reads_the_key_from_its_environment(tmp_path: Path) -> None:
    mine = '# mine\napproval_policy = "on-request"\n'
    text = written(Codex(), Target(URL, ROLES, KEY), tmp_path, {"config.toml": mine})["config.toml"]
    config = tomllib.loads(text)
    assert text.startswith(mine) and config["model_provider"] == "domov"
    assert config["model_providers"]["domov"]["env_key"] == "DOMOV_API_KEY" and KEY not in text
    without = written(Codex(), Target(URL, ROLES), tmp_path, {"config.toml": text})["config.toml"]
    assert "env_key" not in without and without.startswith(mine)


@pytest.mark.parametrize(
    ("system", "environ", "tool", "path"),
    [
        ("linux", {}, "vscode", ".config/Code/User/chatLanguageModels.json"),
        ("darwin", {}, "vscode", "Library/Application Support/Code/User/chatLanguageModels.json"),
        ("win32", {"APPDATA": "roaming"}, "vscode", "roaming/Code/User/chatLanguageModels.json"),
        ("darwin", {}, "zed", ".config/zed/settings.json"),
        ("win32", {"APPDATA": "roaming"}, "zed", "roaming/Zed/settings.json"),
        ("linux", {"XDG_CONFIG_HOME": "xdg"}, "opencode", "xdg/opencode/opencode.json"),
        ("darwin", {}, "llm", "Library/Application Support/io.datasette.llm/extra-openai-models.yaml"),
        ("linux", {"CODEX_HOME": "codex"}, "codex", "codex/config.toml"),
        ("linux", {"CLAUDE_CONFIG_DIR": "claude"}, "claude", "claude/settings.json"),
        ("linux", {}, "continue", ".continue/config.yaml"),
    ],
)
def test_files_are_where_each_tool_looks(
    system: str, environ: dict[str, str], tool: str, path: str, tmp_path: Path
) -> None:
    there = places(tmp_path, system, **{k: str(tmp_path / v) for k, v in environ.items()})
    assert find(tool).changes(there, Target(URL, ROLES))[0].path == tmp_path / path


def test_the_opencode_file_that_is_there_is_the_one_that_is_changed(tmp_path: Path) -> None:
    (tmp_path / ".config" / "opencode").mkdir(parents=True)
    (tmp_path / ".config" / "opencode" / "opencode.jsonc").write_text("{}")
    (change,) = find("opencode").changes(places(tmp_path), Target(URL, ROLES))
    assert change.path.name == "opencode.jsonc"


def started(name: str, key: str = KEY) -> Any:
    start = find(name).start(Target(URL, ROLES, key))
    assert start is not None
    return start


def test_a_key_is_never_an_argument() -> None:
    for tool in TOOLS:
        start = tool.start(Target(URL, ROLES, KEY))
        assert start is None or KEY not in " ".join(start.command)


def test_tools_start_pointed_at_the_server() -> None:
    claude = started("claude")
    assert claude.environ["ANTHROPIC_BASE_URL"] == URL and claude.environ["ANTHROPIC_API_KEY"] is None
    assert 'model_providers.domov.base_url="http://127.0.0.1:36668/v1"' in started("codex").command
    inline = json.loads(started("opencode").environ["OPENCODE_CONFIG_CONTENT"])
    assert inline["model"] == f"domov/{CHAT.name}"
    assert yaml_text.parse(started("continue").files["config.yaml"])["models"]
    assert started("aider").environ["OPENAI_API_BASE"] == f"{URL}/v1"
    assert started("open-webui").environ["OPENAI_API_KEYS"] == KEY
    for name in ("zed", "vscode", "jetbrains", "llm", "langchain"):
        assert find(name).start(Target(URL, ROLES)) is None
