"""Editors, and the assistants inside them."""

from pathlib import Path
from typing import Any

from domov.connect import jsonc, yaml_text
from domov.connect.roles import Able
from domov.connect.tool import Change, Places, Start, Target, Tool

OURS = "Domov"  # what entries of ours are called


def is_ours(entry: Any) -> bool:
    """Whether an entry of a list is one that Domov has put there."""
    return isinstance(entry, dict) and str(entry.get("name", "")).startswith(OURS)


class Continue(Tool):
    """Continue for VS Code and JetBrains, and its command line `cn`.

    Source: Continue's packages/config-yaml/src/schemas/models.ts and core/autocomplete, 2.0.0. Suggestions go through
    the provider `ollama`: it leaves the marks of the gap to the server, others guess them from the model's name.
    """

    name, title, program = "continue", "Continue", "cn"
    uses = "chat, edit, apply, autocomplete, embed, rerank"
    install = "npm install -g @continuedev/cli, or the extension Continue in your editor"

    def folders(self, places: Places) -> tuple[Path, ...]:
        return (places.under("CONTINUE_GLOBAL_DIR", ".continue"),)

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        folder = self.folders(places)[0]

        def edit(text: str) -> str:
            if not text and (folder / "config.json").exists():
                raise ValueError("there is none yet, and Continue would no longer read the config.json beside it")
            return self.config(text, target)

        return (Change(folder / "config.yaml", edit),)

    def config(self, text: str, target: Target) -> str:
        text = text if text.strip() else f"name: {OURS}\nversion: 1.0.0\nschema: v1\n"
        return yaml_text.put_items(text, "models", self.models(target), mine=is_ours)

    def models(self, target: Target) -> list[dict[str, Any]]:
        roles = target.roles
        entries = [_continue(roles.chat, "chat", target, ["chat", "edit", "apply"])]
        if roles.autocomplete:
            # On a processor alone a suggestion takes longer than the 150 ms that Continue waits for one.
            patience = {"modelTimeout": 3000, "maxPromptTokens": 1024}
            entry = _continue(roles.autocomplete, "autocomplete", target, ["autocomplete"])
            entries.append({**entry, "provider": "ollama", "apiBase": target.url, "autocompleteOptions": patience})
        if roles.embed:
            entry = _continue(roles.embed, "embed", target, ["embed"])
            size = max(64, min(512, roles.embed.context_tokens - 8))
            entries.append({**entry, "embedOptions": {"maxChunkSize": size, "maxBatchSize": 16}})
        if roles.rerank:
            entries.append(_continue(roles.rerank, "rerank", target, ["rerank"]))
        return entries

    def start(self, target: Target) -> Start:
        return Start(("cn", "--config", "{folder}/config.yaml"), files={"config.yaml": self.config("", target)})


def _continue(model: Able, role: str, target: Target, roles: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{OURS} {role}: {model.name}",
        "provider": "openai",
        "model": model.name,
        "apiBase": target.openai,
        "apiKey": target.key,
        "roles": roles,
    }
    if model.task == "chat":
        limits = {"contextLength": model.context_tokens, "maxTokens": model.answer_tokens}
        seen = ["image_input"] if model.sees else []
        entry |= {"capabilities": ["tool_use", *seen]} if role == "chat" else {}
        entry |= {"defaultCompletionOptions": limits} if role == "chat" else {}
    return entry


class VSCode(Tool):
    """The chat of VS Code with models of one's own (Custom Endpoint), from 1.122 on, without a GitHub account.

    Source: microsoft/vscode#316916. Suggestions while typing stay with GitHub Copilot: Continue gives them.
    """

    name, title, program = "vscode", "VS Code (Copilot chat)", "code"
    install = "https://code.visualstudio.com"

    def folders(self, places: Places) -> tuple[Path, ...]:
        return (places.settings / "Code" / "User",)

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        group = {
            "name": OURS,
            "vendor": "customendpoint",
            "apiKey": target.key,
            "apiType": "chat-completions",
            "models": [self.model(model, target) for model in target.roles.chats],
        }
        path = self.folders(places)[0] / "chatLanguageModels.json"
        return (Change(path, lambda text: jsonc.put_item(text, group, mine=is_ours)),)

    def model(self, model: Able, target: Target) -> dict[str, Any]:
        return {
            "id": model.name,
            "name": f"{model.name} ({OURS})",
            "url": f"{target.openai}/chat/completions",
            "toolCalling": True,
            "vision": model.sees,
            "maxInputTokens": model.context_tokens - model.answer_tokens,
            "maxOutputTokens": model.answer_tokens,
        }

    def words(self, target: Target) -> str:
        return f"choose {target.roles.chat.name} ({OURS}) in the chat's list of models; VS Code 1.122 or newer"


class Zed(Tool):
    """Zed's agent, inline assistant and edit predictions, through Ollama's API, for which Zed wants no key.

    Source: Zed's docs/src/ai/use-a-local-model.md and crates/edit_prediction/src/fim.rs. Zed puts the marks of a gap
    itself and guesses them from the model's name: it is told what the file says.
    """

    name, title, program = "zed", "Zed", "zed"
    uses = "chat, autocomplete"
    install = "https://zed.dev"
    FORMATS = ("qwen", "star_coder", "deepseek_coder", "code_llama", "codestral", "glm")

    def folders(self, places: Places) -> tuple[Path, ...]:
        if places.system == "darwin":
            return (places.home / ".config" / "zed",)
        return (places.settings / ("Zed" if places.system == "win32" else "zed"),)

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        return (Change(self.folders(places)[0] / "settings.json", lambda text: self.settings(text, target)),)

    def settings(self, text: str, target: Target) -> str:
        text = jsonc.put(text, ("language_models", "ollama", "api_url"), target.url)
        chat = {"provider": "ollama", "model": target.roles.chat.name}
        text = jsonc.put(text, ("agent", "default_model"), chat)
        typing = target.roles.autocomplete
        if typing is None or typing.family not in self.FORMATS:
            return text
        text = jsonc.put(text, ("edit_predictions", "provider"), "ollama")
        for key, value in (
            ("api_url", target.url),
            ("model", typing.name),
            ("prompt_format", typing.family),
            ("max_output_tokens", 64),
        ):
            text = jsonc.put(text, ("edit_predictions", "ollama", key), value)
        return text

    def words(self, target: Target) -> str:
        return "give the key in Zed: agent: open settings, LLM Providers, Ollama" if target.has_key else ""


class JetBrains(Tool):
    """JetBrains' AI Assistant keeps providers inside the editor: nothing can be written for it.

    Source: jetbrains.com/help/ai-assistant/use-custom-models.html.
    """

    name, title = "jetbrains", "JetBrains AI Assistant"
    uses = "chat, autocomplete"
    install = "the plugin JetBrains AI Assistant in your editor"

    def folders(self, places: Places) -> tuple[Path, ...]:
        return (places.settings / "JetBrains",)

    def words(self, target: Target) -> str:
        typing = target.roles.autocomplete
        suggestions = f"\n  Completion model           {typing.name}" if typing else ""
        return (
            "Settings | Tools | AI Assistant | Providers & API keys:\n"
            "  Provider                   OpenAI-compatible\n"
            f"  URL                        {target.openai}\n"
            f"  API Key                    {target.key}\n"
            "  Tool calling               on\n"
            "then Test Connection and Apply, and under Models Assignment:\n"
            f"  Core features              {target.roles.chat.name}\n"
            f"  Instant helpers            {target.roles.chat.name}{suggestions}"
        )
