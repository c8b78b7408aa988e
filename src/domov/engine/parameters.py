"""What llama.cpp is told of one launch: one table, for both ways in.

Each row is a parameter as xllamacpp's CommonParams name it and as llama-server's command line does, so that the two
load a model alike. Pure: nothing of llama.cpp is imported. Source: xllamacpp 2026.10.11549, llama.cpp common/arg.cpp.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domov.engine.launch import Launch
from domov.errors import BadOption
from domov.options import AdapterFile, ModelOptions

# Copies of a windowed or recurrent cache to go back to, for each slot; llama.cpp's 32 would be in no plan.
CHECKPOINTS = 4
MOST_DEVICES = 128  # llama_max_devices()
PING_SECONDS = 5  # a worker that streams says so often that it is there, while it reads or waits too


@dataclass(frozen=True, slots=True)
class Member:
    """A member of one of xllamacpp's enumerations."""

    enumeration: str
    name: str


@dataclass(frozen=True, slots=True)
class Parameter:
    attribute: str  # of CommonParams, with dots
    flag: str  # of llama-server
    value: Any  # a number or a text; True stands for a flag without a value
    own: Any = None  # what the attribute takes, where it is not the value

    @property
    def attribute_value(self) -> Any:
        return self.value if self.own is None else self.own

    @property
    def arguments(self) -> tuple[str, ...]:
        return (self.flag,) if self.value is True else (self.flag, str(self.value))


def parameters(launch: Launch) -> list[Parameter]:
    """Everything that both ways are told, but for where to listen."""
    options = launch.options
    return [
        *_context(launch),
        *_cache(options),
        *_devices(launch),
        *_rope(options),
        *_task(options),
        *_speculation(launch),
        *_files(launch),
        *_template(launch.options),
        Parameter("endpoint_slots", "--slots", True),
        # a request says itself whether its last message is to be written on
        Parameter("prefill_assistant", "--no-prefill-assistant", True, False),
        Parameter("endpoint_metrics", "--metrics", True),
        Parameter("sse_ping_interval", "--sse-ping-interval", PING_SECONDS),
        Parameter("offline", "--offline", True),
    ]


def arguments(launch: Launch) -> list[str]:
    """The command line of llama-server, without the program. Raises BadOption for a path that it can't be given."""
    for adapter in launch.options.adapters:  # it splits them at commas and colons, and knows no way to write those
        if "," in adapter.file or ":" in adapter.file:
            raise BadOption(
                f"llama-server can't be given an adapter with a comma or colon in its path: {adapter.file}",
                hint="rename it, or set engine to xllamacpp",
            )
    return [argument for parameter in parameters(launch) for argument in parameter.arguments]


def _context(launch: Launch) -> Iterator[Parameter]:
    options = launch.options
    batch, micro_batch = batches(launch)
    yield Parameter("model.path", "--model", launch.model)
    yield Parameter("n_ctx", "--ctx-size", launch.context_tokens * (1 if options.shared_cache else launch.slots))
    yield Parameter("n_parallel", "--parallel", launch.slots)
    if options.shared_cache:
        yield Parameter("kv_unified", "--kv-unified", True)
    yield Parameter("n_batch", "--batch-size", batch)
    yield Parameter("n_ubatch", "--ubatch-size", micro_batch)
    yield Parameter("cpuparams.n_threads", "--threads", launch.threads)
    yield Parameter("cpuparams_batch.n_threads", "--threads-batch", options.batch_threads or launch.threads)


def batches(launch: Launch) -> tuple[int, int]:
    """Tokens of a batch and of a micro-batch. A text to embed or to rank is read in one piece."""
    options = launch.options
    if options.task in ("embedding", "reranking"):
        return launch.context_tokens, launch.context_tokens
    return options.batch_tokens, min(options.micro_batch_tokens, options.batch_tokens)


def _cache(options: ModelOptions) -> Iterator[Parameter]:
    keys, values = options.key_type, options.value_type
    yield Parameter("cache_type_k", "--cache-type-k", keys, Member("ggml_type", f"GGML_TYPE_{keys.upper()}"))
    yield Parameter("cache_type_v", "--cache-type-v", values, Member("ggml_type", f"GGML_TYPE_{values.upper()}"))
    word = {"auto": "AUTO", "on": "ENABLED", "off": "DISABLED"}[options.flash_attention]
    flash = Member("llama_flash_attn_type", f"LLAMA_FLASH_ATTN_TYPE_{word}")
    yield Parameter("flash_attn_type", "--flash-attn", options.flash_attention, flash)
    yield Parameter("cache_ram_mib", "--cache-ram", options.prompt_cache_mib)
    yield Parameter("n_ctx_checkpoints", "--ctx-checkpoints", CHECKPOINTS)


def _devices(launch: Launch) -> Iterator[Parameter]:
    options, split = launch.options, launch.layers_per_gpu
    if split:
        own = tuple(float(count) for count in (*split, *[0] * (MOST_DEVICES - len(split))))
        yield Parameter("tensor_split", "--tensor-split", ",".join(map(str, split)), own)
    if options.gpu_layers >= 0:
        yield Parameter("n_gpu_layers", "--n-gpu-layers", options.gpu_layers)
    if options.cpu_expert_layers:
        # What --n-cpu-moe stands for (common/arg.cpp): the experts' tensors of the first layers, one rule each.
        rules = [rf"blk\.{n}\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU" for n in range(options.cpu_expert_layers)]
        yield Parameter("tensor_buft_overrides", "--n-cpu-moe", options.cpu_expert_layers, ",".join(rules))


def _rope(options: ModelOptions) -> Iterator[Parameter]:
    if not options.rope_scaling:
        return
    kind = Member("llama_rope_scaling_type", f"LLAMA_ROPE_SCALING_TYPE_{options.rope_scaling.upper()}")
    yield Parameter("rope_scaling_type", "--rope-scaling", options.rope_scaling, kind)
    if options.rope_factor > 1:
        yield Parameter("rope_freq_scale", "--rope-scale", options.rope_factor, 1 / options.rope_factor)
    if options.original_context_tokens:
        yield Parameter("yarn_orig_ctx", "--yarn-orig-ctx", options.original_context_tokens)


def _task(options: ModelOptions) -> Iterator[Parameter]:
    if options.task in ("embedding", "reranking"):
        yield Parameter("embedding", "--embedding", True)
    pooling = "rank" if options.task == "reranking" else options.pooling
    if pooling:
        kind = Member("llama_pooling_type", f"LLAMA_POOLING_TYPE_{pooling.upper()}")
        yield Parameter("pooling_type", "--pooling", pooling, kind)


# The kinds of speculation, by llama.cpp's names.
KINDS = {"ngram": "ngram-mod", "draft": "draft-simple", "mtp": "draft-mtp"}
# A repetition of so many tokens is taken for one that goes on; at least so many tokens of it are proposed, at most so
# many at once (docs/log.md has the measurement).
NGRAM_TOKENS, NGRAM_LEAST_DRAFT_TOKENS, NGRAM_DRAFT_TOKENS, DRAFT_TOKENS = 12, 4, 8, 4


def _speculation(launch: Launch) -> Iterator[Parameter]:
    options = launch.options
    if options.speculation == "none":
        return
    kind = KINDS[options.speculation]
    member = Member("common_speculative_type", f"COMMON_SPECULATIVE_TYPE_{kind.replace('-', '_').upper()}")
    yield Parameter("speculative.types", "--spec-type", kind, (member,))
    if options.speculation == "ngram":
        size, draft = options.ngram_tokens or NGRAM_TOKENS, options.draft_tokens or NGRAM_DRAFT_TOKENS
        yield Parameter("speculative.ngram_mod.n_match", "--spec-ngram-mod-n-match", size)
        yield Parameter("speculative.ngram_mod.n_max", "--spec-ngram-mod-n-max", draft)
        least = min(draft, NGRAM_LEAST_DRAFT_TOKENS)
        yield Parameter("speculative.ngram_mod.n_min", "--spec-ngram-mod-n-min", least)
        return
    yield Parameter("speculative.draft.n_max", "--spec-draft-n-max", options.draft_tokens or DRAFT_TOKENS)
    yield Parameter("speculative.draft.p_min", "--spec-draft-p-min", options.draft_probability)
    if options.speculation == "draft":
        yield Parameter("speculative.draft.mparams.path", "--spec-draft-model", options.draft_model)
        yield Parameter("speculative.draft.cpuparams.n_threads", "--spec-draft-threads", launch.threads)
        batch_threads = options.batch_threads or launch.threads
        yield Parameter("speculative.draft.cpuparams_batch.n_threads", "--spec-draft-threads-batch", batch_threads)


def _files(launch: Launch) -> Iterator[Parameter]:
    options = launch.options
    if options.mmproj:
        yield Parameter("mmproj.path", "--mmproj", options.mmproj)
    if options.adapters:
        yield Parameter("lora_adapters", "--lora-scaled", _scaled(options.adapters), options.adapters)
    if launch.slot_save_path:
        own = os.path.join(launch.slot_save_path, "")  # CommonParams want the separator at its end
        yield Parameter("slot_save_path", "--slot-save-path", launch.slot_save_path, own)


def _template(options: ModelOptions) -> Iterator[Parameter]:
    if options.chat_template:
        yield Parameter("chat_template", "--chat-template", options.chat_template)


def _scaled(adapters: tuple[AdapterFile, ...]) -> str:
    return ",".join(f"{adapter.file}:{adapter.scale}" for adapter in adapters)
