"""What a model is given with every request that does not say otherwise: what a Modelfile adds to a file of weights.

Pure. It belongs to a name, not to a file. Names and meanings of the parameters are Ollama's (docs/modelfile.mdx, 0.33).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Done, Dropped, Event, Message

ROLES = ("system", "user", "assistant")
Value = int | float | str | tuple[str, ...]
# Each with its kind and its least and most.
SAMPLING: dict[str, tuple[type, float, float]] = {
    "seed": (int, -(2**63), 2**63 - 1),
    "temperature": (float, 0, 5),
    "top_k": (int, 0, 1_000_000),
    "top_p": (float, 0, 1),
    "min_p": (float, 0, 1),
    "typical_p": (float, 0, 1),
    "repeat_last_n": (int, -1, 1_000_000),
    "repeat_penalty": (float, 0, 100),
    "presence_penalty": (float, -2, 2),
    "frequency_penalty": (float, -2, 2),
    "mirostat": (int, 0, 2),
    "mirostat_tau": (float, 0, 100),
    "mirostat_eta": (float, 0, 1),
}
LOADING = {"num_ctx": "context_tokens", "num_batch": "batch_tokens", "num_gpu": "gpu_layers", "num_thread": "threads"}
PARAMETERS = {
    **SAMPLING,
    "num_ctx": (int, 0, 2**31 - 1),
    "num_batch": (int, 1, 1 << 16),
    "num_gpu": (int, -1, 1 << 16),
    "num_thread": (int, 0, 512),
    "num_predict": (int, -2, 2**31 - 1),
    "stop": (str, 0, 0),
}
# Gone from Ollama too, or so anyway, or without effect on an answer.
IGNORED = frozenset(
    ("num_keep", "use_mmap", "use_mlock", "main_gpu", "low_vram", "f16_kv", "vocab_only", "numa", "logits_all")
    + ("penalize_newline", "tfs_z", "embedding_only", "draft_num_predict")
)
_GO = re.compile(r"\{\{-?\s*(\.|\$|(if|else|end|range|with|define|block|template|slice|len|eq|and|or|not)\b)")


@dataclass(frozen=True, slots=True)
class Preset:
    system: str = ""
    template: str = ""  # Jinja; empty: the file's own
    messages: tuple[tuple[str, str], ...] = ()  # role and text: they come before a conversation
    parameters: tuple[tuple[str, Value], ...] = ()  # each name once

    @property
    def options(self) -> dict[str, Any]:
        """How the model is loaded, as far as it says."""
        told = {LOADING[name]: value for name, value in self.parameters if name in LOADING}
        return told | ({"chat_template": self.template} if self.template else {})


NOTHING = Preset()


def preset(table: Mapping[str, Any]) -> Preset:
    """A preset of Ollama's fields: system, template, messages, parameters. Raises BadRequest for what can't be kept."""
    template = str(table.get("template") or "")
    if _GO.search(template) and "{%" not in template:
        raise BadRequest(
            "template is a Go template, models here take Jinja",
            hint="leave it out: the file's own template is used, and is nearly always the same",
        )
    messages = tuple((str(m.get("role")), str(m.get("content") or "")) for m in table.get("messages") or ())
    if wrong := [role for role, _ in messages if role not in ROLES]:
        raise BadRequest(f"a message can't have the role {wrong[0][:30]}", hint=f"roles are {', '.join(ROLES)}")
    return Preset(str(table.get("system") or ""), template, messages, _parameters(table.get("parameters") or {}))


def _parameters(table: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    for name in table:
        if name not in PARAMETERS and name not in IGNORED:
            raise BadRequest(f"unknown parameter: {str(name)[:60]}", hint=f"there are {', '.join(sorted(PARAMETERS))}")
    return tuple((name, _value(name, table[name])) for name in sorted(table) if name in PARAMETERS)


def _value(name: str, given: Any) -> Value:
    """A number may be a text, as in a Modelfile, and a list of one."""
    if name == "stop":
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise BadRequest("parameter stop is a text or a list of texts")
        return tuple(text for text in texts if text)
    kind, least, most = PARAMETERS[name]
    number = given[-1] if isinstance(given, list | tuple) and given else given
    try:
        value: int | float = math.nan if isinstance(number, bool) else float(number)
        value = int(number) if kind is int and value == int(value) else value
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not least <= value <= most or (kind is int and not isinstance(value, int)):
        words = "a whole number" if kind is int else "a number"
        raise BadRequest(
            f"parameter {name} can't be {str(given)[:40]}", hint=f"it takes {words} from {least} to {most}"
        )
    return value


def over(base: Preset, more: Preset) -> Preset:
    """A preset made of another one: what it says stands, parameters each for itself."""
    return Preset(
        more.system or base.system,
        more.template or base.template,
        more.messages or base.messages,
        tuple(sorted((dict(base.parameters) | dict(more.parameters)).items())),
    )


@dataclass(frozen=True, slots=True)
class Applied:
    """A request with its model's preset, and where messages stand in it that are not the caller's."""

    request: ChatRequest | CompletionRequest
    start: int = 0
    added: int = 0

    def told(self, event: Event) -> Event:
        """The event, what was dropped by the places that messages have in the caller's request."""
        if not isinstance(event, Done) or event.dropped is None:
            return event
        return replace(event, dropped=self._own(event.dropped))

    def _own(self, dropped: Dropped) -> Dropped:
        end = self.start + self.added
        kept = (place for place in dropped.messages if not self.start <= place < end)
        return replace(dropped, messages=tuple(p if p < self.start else p - self.added for p in kept))


def applied(request: ChatRequest | CompletionRequest, preset: Preset) -> Applied:
    """The request with what its model's preset adds: parameters that it leaves out, a system prompt, first messages."""
    parameters = dict(preset.parameters)
    stop, most = parameters.get("stop"), parameters.get("num_predict")
    request = replace(
        request,
        sampling=_sampling(request, parameters),
        stop=request.stop or (stop if isinstance(stop, tuple) else ()),
        max_tokens=most if request.max_tokens is None and isinstance(most, int) and most >= 0 else request.max_tokens,
    )
    if isinstance(request, CompletionRequest):
        return Applied(request)
    instructed = bool(request.messages) and request.messages[0].role == "system"
    system = [] if instructed or not preset.system else [Message("system", preset.system)]
    first = [*system, *(Message(role, text) for role, text in preset.messages)]  # type: ignore[arg-type]
    start = int(instructed)
    messages = (*request.messages[:start], *first, *request.messages[start:])
    return Applied(replace(request, messages=messages), start, len(first))


def _sampling(request: ChatRequest | CompletionRequest, parameters: Mapping[str, Value]) -> Any:
    left_out = {name for name in SAMPLING if name in parameters and getattr(request.sampling, name) is None}
    return replace(request.sampling, **{name: parameters[name] for name in left_out})  # type: ignore[arg-type]


def from_table(table: Mapping[str, Any] | None) -> Preset | None:
    """As it was written by `asdict` into JSON. Raises TypeError, KeyError or ValueError for anything else."""
    if table is None:
        return None
    if set(table) != set(Preset.__dataclass_fields__) or not isinstance(table["template"], str):
        raise TypeError("not a preset")
    if not isinstance(table["system"], str) or not all(isinstance(t, str) for m in table["messages"] for t in m):
        raise TypeError("not a preset")
    messages = tuple((role, text) for role, text in table["messages"])
    if any(role not in ROLES for role, _ in messages):
        raise ValueError("not a role")
    try:
        parameters = _parameters({name: value for name, value in table["parameters"]})
    except BadRequest as error:
        raise ValueError(error.message) from error
    return Preset(table["system"], table["template"], messages, parameters)


def modelfile(preset: Preset, *, source: str, licence: str = "") -> str:
    """The Modelfile that makes such a model."""
    lines = [f"FROM {source}"]
    lines += [f"TEMPLATE {_quoted(preset.template)}"] if preset.template else []
    lines += [f"SYSTEM {_quoted(preset.system)}"] if preset.system else []
    lines += [f"PARAMETER {name} {text}" for name, text in parameter_texts(preset)]
    lines += [f"MESSAGE {role} {_quoted(text)}" for role, text in preset.messages]
    lines += [f"LICENSE {_quoted(licence)}"] if licence else []
    return "\n".join(lines) + "\n"


def parameter_texts(preset: Preset) -> Iterable[tuple[str, str]]:
    for name, value in preset.parameters:
        for one in value if isinstance(value, tuple) else (value,):
            yield name, _quoted(one) if isinstance(one, str) else str(one)


def _quoted(text: str) -> str:
    return f'"""{text}"""' if "\n" in text or '"' in text else f'"{text}"'
