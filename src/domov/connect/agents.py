"""Agents for code in a terminal."""

import json
from pathlib import Path
from typing import Any

from domov.connect import jsonc, toml_text, yaml_text
from domov.connect.tool import Change, Places, Start, Target, Tool

KEY_VARIABLE = "DOMOV_API_KEY"


class ClaudeCode(Tool):
    """Claude Code, through Anthropic's API.

    Source: code.claude.com/docs/en/settings, /env-vars and /llm-gateway. A variable in its settings wins over one in
    the shell; a token goes as `Authorization: Bearer`.
    """

    name, title, program = "claude", "Claude Code", "claude"
    install = "npm install -g @anthropic-ai/claude-code"
    least_context_tokens = 32_768  # its prompt and tools alone are 80 kB, about 20,000

    def folders(self, places: Places) -> tuple[Path, ...]:
        return (places.under("CLAUDE_CONFIG_DIR", ".claude"),)

    def environ(self, target: Target) -> dict[str, str]:
        model = target.roles.chat.name
        return {
            "ANTHROPIC_BASE_URL": target.url,
            "ANTHROPIC_AUTH_TOKEN": target.key,
            "ANTHROPIC_MODEL": model,
            "ANTHROPIC_DEFAULT_OPUS_MODEL": model,
            "ANTHROPIC_DEFAULT_SONNET_MODEL": model,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
            "CLAUDE_CODE_SUBAGENT_MODEL": model,
            # of a model that it does not know it would believe 200,000 or a million
            "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(target.roles.chat.context_tokens),
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(target.roles.chat.answer_tokens),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "API_TIMEOUT_MS": "3000000",
        }

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        def edit(text: str) -> str:
            for key, value in self.environ(target).items():
                text = jsonc.put(text, ("env", key), value)
            return text

        return (Change(self.folders(places)[0] / "settings.json", edit),)

    def start(self, target: Target) -> Start:
        # A key of Anthropic's in the shell would be sent as well.
        return Start(("claude",), {**self.environ(target), "ANTHROPIC_API_KEY": None})


class Codex(Tool):
    """Codex, through the responses of OpenAI's API.

    Source: developers.openai.com/codex/config-advanced, and Codex 0.162: `responses` is the only `wire_api`.
    """

    name, title, program = "codex", "Codex", "codex"
    install = "npm install -g @openai/codex"
    least_context_tokens = 16_384

    def folders(self, places: Places) -> tuple[Path, ...]:
        return (places.under("CODEX_HOME", ".codex"),)

    def provider(self, target: Target) -> dict[str, Any]:
        key = KEY_VARIABLE if target.has_key else None
        return {"name": "Domov", "base_url": target.openai, "wire_api": "responses", "env_key": key}

    def settings(self, target: Target) -> dict[str, Any]:
        chat = target.roles.chat
        return {"model": chat.name, "model_provider": "domov", "model_context_window": chat.context_tokens}

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        tables: dict[tuple[str, ...], Any] = {("model_providers", "domov"): self.provider(target)}
        path = self.folders(places)[0] / "config.toml"
        return (Change(path, lambda text: toml_text.put(text, self.settings(target), tables)),)

    def words(self, target: Target) -> str:
        return f"export {KEY_VARIABLE} with the key before you start it" if target.has_key else ""

    def start(self, target: Target) -> Start:
        values = {f"model_providers.domov.{key}": value for key, value in self.provider(target).items()}
        values |= self.settings(target)
        options = [f"{key}={json.dumps(value)}" for key, value in values.items() if value is not None]
        arguments = [part for option in options for part in ("-c", option)]
        return Start(("codex", *arguments), {KEY_VARIABLE: target.key} if target.has_key else {})


class OpenCode(Tool):
    """opencode, through OpenAI's chat completions. Source: opencode.ai/docs/providers and /docs/config."""

    name, title, program = "opencode", "opencode", "opencode"
    install = "npm install -g opencode-ai"
    least_context_tokens = 16_384

    def folders(self, places: Places) -> tuple[Path, ...]:
        return (places.under("XDG_CONFIG_HOME", ".config") / "opencode",)

    def provider(self, target: Target) -> dict[str, Any]:
        return {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Domov",
            "options": {"baseURL": target.openai, "apiKey": target.key},
            "models": {
                model.name: {
                    "name": model.name,
                    "tool_call": True,
                    "attachment": model.sees,
                    "reasoning": model.thinks,
                    "limit": {"context": model.context_tokens, "output": model.answer_tokens},
                }
                for model in target.roles.chats
            },
        }

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        names = [self.folders(places)[0] / name for name in ("opencode.jsonc", "opencode.json")]
        path = next((path for path in names if path.exists()), names[-1])
        return (Change(path, lambda text: self.config(text, target)),)

    def config(self, text: str, target: Target) -> str:
        text = jsonc.put(text, ("$schema",), "https://opencode.ai/config.json")
        text = jsonc.put(text, ("provider", "domov"), self.provider(target))
        for key in ("model", "small_model"):
            text = jsonc.put(text, (key,), f"domov/{target.roles.chat.name}")
        return text

    def start(self, target: Target) -> Start:
        return Start(("opencode",), {"OPENCODE_CONFIG_CONTENT": self.config("", target)})


class Aider(Tool):
    """aider, through OpenAI's chat completions.

    Source: aider.chat/docs: llms/openai-compat, config/aider_conf, config/adv-model-settings.
    """

    name, title, program = "aider", "aider", "aider"
    install = "python -m pip install aider-install && aider-install"

    def settings(self, target: Target) -> dict[str, str]:
        model = f"openai/{target.roles.chat.name}"
        return {"model": model, "weak-model": model, "openai-api-base": target.openai, "openai-api-key": target.key}

    def metadata(self, text: str, target: Target) -> str:
        for model in target.roles.chats:
            known = {
                "max_tokens": model.answer_tokens,
                "max_input_tokens": model.context_tokens,
                "max_output_tokens": model.answer_tokens,
                "input_cost_per_token": 0,
                "output_cost_per_token": 0,
                "litellm_provider": "openai",
                "mode": "chat",
            }
            text = jsonc.put(text, (f"openai/{model.name}",), known)
        return text

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        return (
            Change(places.home / ".aider.conf.yml", lambda text: yaml_text.put_settings(text, self.settings(target))),
            Change(places.home / ".aider.model.metadata.json", lambda text: self.metadata(text, target)),
        )

    def start(self, target: Target) -> Start:
        model = self.settings(target)["model"]
        command = ("aider", "--model", model, "--weak-model", model)
        metadata = ("--model-metadata-file", "{folder}/metadata.json")
        return Start(
            (*command, *metadata),
            {"OPENAI_API_BASE": target.openai, "OPENAI_API_KEY": target.key},
            {"metadata.json": self.metadata("", target)},
        )
