"""Tools that are neither editors nor agents: a command, a web page, a library."""

import shlex
from pathlib import Path
from typing import Any

from domov.connect import jsonc, yaml_text
from domov.connect.tool import Change, Places, Start, Target, Tool

PREFIX = "domov/"


class Llm(Tool):
    """Simon Willison's `llm`. Source: llm's default_plugins/openai_models.py, 0.30: extra-openai-models.yaml.

    Without a file there is no way to tell it an address, so it can't be started without one.
    """

    name, title, program = "llm", "llm", "llm"
    install = "pip install llm"

    def folders(self, places: Places) -> tuple[Path, ...]:
        usual = places.settings / "io.datasette.llm"
        return (places.under("LLM_USER_PATH", str(usual)),)

    def models(self, target: Target) -> list[dict[str, Any]]:
        key = {"api_key_name": "domov"} if target.has_key else {}
        return [
            {
                "model_id": f"{PREFIX}{model.name}",
                "model_name": model.name,
                "api_base": target.openai,
                **key,
                "supports_tools": True,
                "supports_schema": True,
                "vision": model.sees,
            }
            for model in target.roles.chats
        ]

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        folder = self.folders(places)[0]

        def models(text: str) -> str:
            return yaml_text.put_items(text, None, self.models(target), mine=_is_ours)

        changes = [
            Change(folder / "extra-openai-models.yaml", models),
            Change(folder / "default_model.txt", lambda _: f"{PREFIX}{target.roles.chat.name}"),
        ]
        if target.has_key:
            changes.append(Change(folder / "keys.json", lambda text: jsonc.put(text, ("domov",), target.key)))
        return tuple(changes)


def _is_ours(entry: Any) -> bool:
    return isinstance(entry, dict) and str(entry.get("model_id", "")).startswith(PREFIX)


class OpenWebUI(Tool):
    """Open WebUI is told by its environment. Source: docs.openwebui.com/reference/env-configuration, 0.12.

    Without ENABLE_PERSISTENT_CONFIG=False what was set in its page once would win.
    """

    name, title, program = "open-webui", "Open WebUI", "open-webui"
    uses = "chat, embed, rerank"
    install = "pip install open-webui"

    def environ(self, target: Target) -> dict[str, str]:
        values = {
            "ENABLE_PERSISTENT_CONFIG": "False",
            "ENABLE_OLLAMA_API": "False",
            "ENABLE_OPENAI_API": "True",
            "OPENAI_API_BASE_URLS": target.openai,
            "OPENAI_API_KEYS": target.key,
            "DEFAULT_MODELS": target.roles.chat.name,
        }
        if target.roles.embed:
            values |= {
                "RAG_EMBEDDING_ENGINE": "openai",
                "RAG_OPENAI_API_BASE_URL": target.openai,
                "RAG_OPENAI_API_KEY": target.key,
                "RAG_EMBEDDING_MODEL": target.roles.embed.name,
            }
        if target.roles.rerank:
            values |= {
                "ENABLE_RAG_HYBRID_SEARCH": "True",
                "RAG_RERANKING_ENGINE": "external",
                "RAG_EXTERNAL_RERANKER_URL": f"{target.openai}/rerank",
                "RAG_EXTERNAL_RERANKER_API_KEY": target.key,
                "RAG_RERANKING_MODEL": target.roles.rerank.name,
            }
        return values

    def words(self, target: Target) -> str:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environ(target).items()]
        return "\n".join([*lines, "open-webui serve"])

    def start(self, target: Target) -> Start:
        return Start(("open-webui", "serve"), self.environ(target))


class LangChain(Tool):
    """LangChain is told in the program that uses it. Source: langchain-openai 1, ChatOpenAI and OpenAIEmbeddings.

    Embeddings go as texts: with check_embedding_ctx_length it would send tokens of OpenAI's own models.
    """

    name, title = "langchain", "LangChain"
    uses = "chat, embed"
    install = "pip install langchain-openai"

    def words(self, target: Target) -> str:
        chat = f'ChatOpenAI(model="{target.roles.chat.name}", base_url="{target.openai}", api_key="{target.key}")'
        if target.roles.embed is None:
            return f"from langchain_openai import ChatOpenAI\n\nchat = {chat}"
        return (
            f"from langchain_openai import ChatOpenAI, OpenAIEmbeddings\n\nchat = {chat}\n"
            "embeddings = OpenAIEmbeddings(\n"
            f'    model="{target.roles.embed.name}",\n'
            f'    base_url="{target.openai}",\n'
            f'    api_key="{target.key}",\n'
            "    check_embedding_ctx_length=False,\n"
            ")"
        )
