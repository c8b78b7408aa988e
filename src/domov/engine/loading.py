"""The options of one model made ready for its launch: names of files become paths, what it is for becomes known.

Every file is held against the model's own header first, so that what can't work is told in a sentence, not in
llama.cpp's log.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from domov.errors import BadModelFile, BadOption
from domov.options import ModelOptions, fit_together
from domov.sizing.projector import projector_bytes
from domov.store.gguf import Elements, Header, read_header
from domov.store.task import task_of

# llama.cpp takes a draft model whose vocabulary is a little longer or shorter (common/speculative.cpp).
MOST_VOCABULARY_DIFFERENCE = 128


@dataclass(frozen=True, slots=True)
class _File:
    """A file that an option names."""

    option: str
    path: Path
    header: Header

    @property
    def architecture(self) -> object:
        return self.header.metadata.get("general.architecture")

    def refuse(self, why: str) -> BadOption:
        return BadOption(f"{self.option} can't be {self.path}: {why}")


def resolved(options: ModelOptions, header: Header, *, name: str, find: Callable[[str], Path]) -> ModelOptions:
    """The options with paths for names and with the task filled in.

    header  of the model that they are for
    find    the file that a name or a path stands for; raises NoSuchModel

    Raises BadOption for options that contradict each other or the files, and what `find` raises.
    """
    options = fit_together(replace(options, task=options.task or task_of(header)), name=name)
    architecture = header.metadata.get("general.architecture")
    if options.speculation == "mtp" and not header.metadata.get(f"{architecture}.nextn_predict_layers"):
        raise BadOption(f"speculation can't be 'mtp' for {name}: its file has no layers for it")

    def file(option: str, text: str) -> _File:
        path = find(text)
        try:
            return _File(option, path, read_header(path))
        except BadModelFile as error:
            raise BadOption(f"{option} can't be {text}: {error.message}") from error

    adapters = tuple(
        replace(adapter, file=str(_adapter(file("adapters", adapter.file), header))) for adapter in options.adapters
    )
    return replace(
        options,
        adapters=adapters,
        draft_model=str(_draft(file("draft_model", options.draft_model), header)) if options.draft_model else "",
        mmproj=str(_projector(file("mmproj", options.mmproj))) if options.mmproj else "",
    )


def cache_depends_on(options: ModelOptions) -> tuple[object, ...]:
    """What the numbers in an attention cache depend on beside the model's file and the engine's build."""
    files = [path for path in (options.mmproj, *(adapter.file for adapter in options.adapters)) if path]
    return (
        options.key_type,
        options.value_type,
        options.rope_scaling,
        options.rope_factor,
        options.original_context_tokens,
        tuple(adapter.scale for adapter in options.adapters),
        tuple((path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in files),
    )


def _adapter(file: _File, header: Header) -> Path:
    architecture = header.metadata.get("general.architecture")
    if file.header.metadata.get("adapter.type") != "lora":
        raise file.refuse("it is not a LoRA adapter in GGUF")
    if file.architecture != architecture:
        raise file.refuse(f"it was made for the architecture {file.architecture}, the model has {architecture}")
    return file.path


def _draft(file: _File, header: Header) -> Path:
    mine, other = _vocabulary(header), _vocabulary(file.header)
    if mine[0] != other[0] or abs(mine[1] - other[1]) > MOST_VOCABULARY_DIFFERENCE:
        raise file.refuse(f"its vocabulary is another ({other[0]}, {other[1]} tokens; the model: {mine[0]}, {mine[1]})")
    return file.path


def _vocabulary(header: Header) -> tuple[object, int]:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    count = tokens.count if isinstance(tokens, Elements) else len(tokens) if isinstance(tokens, list) else 0
    return header.metadata.get("tokenizer.ggml.model"), count


def _projector(file: _File) -> Path:
    if file.architecture != "clip":
        raise file.refuse("it is not a projector (mmproj) in GGUF")
    return file.path


def projector_bytes_of(options: ModelOptions) -> int:
    """What the projector of a model takes whose options are resolved; 0: it has none."""
    if not options.mmproj:
        return 0
    return projector_bytes(read_header(Path(options.mmproj)), flash_attention=options.flash_attention != "off")
