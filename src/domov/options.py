"""What a setting is, and the settings that each model may have of its own: how it is loaded.

A row of a frozen dataclass with its words, choices and bounds; a value that is none of them is an error that names
key, value and choices. `config` reads them from the tables `[models."NAME"]`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from domov.errors import BadOption

Task = Literal["chat", "embedding", "reranking"]
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list of texts"}
# What llama.cpp can keep keys and values in (common/arg.cpp, kv_cache_types).
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def setting(
    default: Any,
    words: str,
    *,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    least: float | None = None,
    most: float = 1 << 31,
) -> Any:
    metadata = {"words": words, "choices": choices, "pattern": pattern, "least": least, "most": most}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """A LoRA adapter, and how strongly it acts where a request does not say."""

    file: str  # a model's name, or a path
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How one model is loaded. Numbers that are 0 and texts that are empty leave it to Domov or to llama.cpp."""

    context_tokens: int = setting(0, "Context of one conversation; 0 is the setting `context_tokens`.", least=0)
    slots: int = setting(
        0, "Conversations at the same time, each with a context of its own; 0 is the setting `slots`.", least=0, most=64
    )
    shared_cache: bool = setting(False, "All slots share the memory of one context, instead of each having it in full.")
    threads: int = setting(0, "Threads for writing; 0 is the setting `threads`.", least=0, most=512)
    batch_threads: int = setting(0, "Threads for reading prompts; 0 is as many as for writing.", least=0, most=512)
    cache_type: str = setting(
        "",
        "What keys and values are kept in; `q8_0` takes half the memory of `f16`. Empty is `f16`, with speculation "
        "`q8_0`.",
        choices=("", *CACHE_TYPES),
    )
    value_cache_type: str = setting(
        "", "What values are kept in, where not in `cache_type`.", choices=("", *CACHE_TYPES)
    )
    flash_attention: str = setting("auto", "Flash attention; quantized values need it.", choices=("auto", "on", "off"))
    gpu_layers: int = setting(-1, "Layers on the graphics card; -1 is as many as fit.", least=-1, most=1 << 16)
    cpu_expert_layers: int = setting(
        0, "Layers of a mixture of experts whose experts stay in main memory.", least=0, most=4096
    )
    batch_tokens: int = setting(512, "Prompt tokens read before a client that left is noticed.", least=1, most=1 << 16)
    micro_batch_tokens: int = setting(
        512, "Prompt tokens calculated at once; never more than a batch.", least=1, most=1 << 16
    )
    rope_scaling: str = setting(
        "", "How a context beyond the trained one is reached.", choices=("", "none", "linear", "yarn")
    )
    rope_factor: float = setting(1.0, "How many times the trained context; needs `rope_scaling`.", least=1, most=1024)
    original_context_tokens: int = setting(0, "Context before YaRN; 0 is the trained one.", least=0)
    mmproj: str = setting("", "The projector of a model that sees or hears: a name or a path.")
    adapters: tuple[AdapterFile, ...] = setting(
        (), 'LoRA adapters: `[{ file = "…", scale = 1.0 }]`, each file a name or a path.'
    )
    speculation: str = setting(
        "none",
        "What proposes words for the model to check several at once: a repetition in the text, a smaller model, or "
        "the model's own extra layers.",
        choices=("none", "ngram", "draft", "mtp"),
    )
    draft_model: str = setting("", "The smaller model of the same vocabulary: a name or a path.")
    draft_tokens: int = setting(0, "Most tokens proposed at once; 0 is the kind's default.", least=0, most=1024)
    draft_probability: float = setting(
        0.0, "A draft model stops proposing when it is less sure than this.", least=0, most=1
    )
    ngram_tokens: int = setting(0, "Tokens that must repeat before a proposal; 0 is the default.", least=0, most=1024)
    task: str = setting(
        "", "What it is loaded for; empty is what its file says.", choices=("", "chat", "embedding", "reranking")
    )
    pooling: str = setting(
        "", "How an embedding is made of its tokens; empty is as the file says.", choices=("", "mean", "cls", "last")
    )
    chat_template: str = setting("", "A chat template (Jinja) in place of the file's own.")
    prompt_cache_mib: int = setting(
        0, "Main memory for prompts read before, beside the slots and what is kept on disk.", least=0, most=1 << 20
    )

    @property
    def key_type(self) -> str:
        """What keys are kept in. With speculation never by default what the processor calculates otherwise for one
        token than for several: then the text would depend on what was proposed (docs/log.md)."""
        return self.cache_type or ("f16" if self.speculation == "none" else "q8_0")

    @property
    def value_type(self) -> str:
        return self.value_cache_type or self.key_type


MODEL_OPTIONS: tuple[Field[Any], ...] = fields(ModelOptions)


def checked(f: Field[Any], value: Any, *, name: str) -> Any:
    """The value in its setting's type; text is read as the environment writes it. Raises BadOption."""
    if f.name == "adapters":
        return _adapters(value, name)
    wanted: type = type(f.default)
    if wanted is bool:
        value = _as_bool(value)
    elif wanted is int and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        value = int(value)
    elif wanted is float and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", str(value).strip()):
        value = float(value)
    elif wanted is tuple:
        value = _as_texts(value)
    expected = " or ".join(c or '""' for c in f.metadata["choices"]) or KINDS[wanted]
    if type(value) is not wanted or (f.metadata["choices"] and value not in f.metadata["choices"]):
        raise BadOption(f"setting {name} can't be {value!r}", hint=f"it takes {expected}")
    pattern = f.metadata["pattern"]
    if pattern and not re.fullmatch(pattern, str(value)):
        raise BadOption(f"setting {name} can't be {value!r}", hint=f"it takes what fits {pattern}")
    least, most = f.metadata["least"], f.metadata["most"]
    if least is not None and not least <= value <= most:
        raise BadOption(f"setting {name} can't be {value!r}", hint=f"it takes {expected} from {least} to {most}")
    return value


def checked_options(table: Any, *, name: str) -> dict[str, Any]:
    """The options that a table sets. Raises BadOption for a key or value that is none."""
    if not isinstance(table, Mapping):
        raise BadOption(f"setting {name} can't be {table!r}", hint="it takes a table of options")
    known = {f.name: f for f in MODEL_OPTIONS}
    for key in table:
        if key not in known:
            raise BadOption(f"unknown option in {name}: {key}", hint=f"the options are: {', '.join(sorted(known))}")
    return {key: checked(known[key], value, name=f"{name}.{key}") for key, value in table.items()}


def fit_together(options: ModelOptions, *, name: str) -> ModelOptions:
    """The options, if they don't contradict each other. Raises BadOption with the one to change."""
    wrong = ""
    if options.flash_attention == "off" and options.value_type not in ("f32", "f16", "bf16"):
        wrong = f"values in {options.value_type} need flash attention: it is off, or set value_cache_type to f16"
    elif options.speculation == "draft" and not options.draft_model:
        wrong = "speculation by draft needs a draft_model"
    elif options.draft_model and options.speculation != "draft":
        wrong = f'a draft_model is used by speculation = "draft" only, and it is {options.speculation!r}'
    elif options.rope_factor > 1 and options.rope_scaling in ("", "none"):
        wrong = 'a rope_factor needs a rope_scaling: "yarn" or "linear"'
    elif options.task in ("embedding", "reranking") and options.speculation != "none":
        wrong = f"a model for {options.task} writes nothing: there is nothing to speculate on"
    if wrong:
        raise BadOption(f"the options of {name} don't fit together: {wrong}")
    return options


def _adapters(value: Any, name: str) -> tuple[AdapterFile, ...]:
    takes = 'it takes a list like [{ file = "./style.gguf", scale = 1.0 }]'
    if not isinstance(value, list):
        raise BadOption(f"setting {name} can't be {value!r}", hint=takes)
    found = []
    for one in value:
        table: Any = {"file": one} if isinstance(one, str) else one
        if not isinstance(table, dict) or not isinstance(table.get("file"), str) or set(table) - {"file", "scale"}:
            raise BadOption(f"setting {name} can't be {one!r}", hint=takes)
        scale: Any = table.get("scale", 1.0)
        if type(scale) not in (int, float) or not math.isfinite(scale):
            raise BadOption(f"setting {name} can't have the scale {scale!r}", hint=takes)
        found.append(AdapterFile(table["file"], float(scale)))
    return tuple(found)


def _as_texts(value: Any) -> Any:
    """A list of texts; in the environment they stand in one, with commas between them."""
    texts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    is_list = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    return tuple(texts) if is_list else value


def _as_bool(value: Any) -> Any:
    word = str(value).lower()
    return True if word in TRUE else False if word in FALSE else value
