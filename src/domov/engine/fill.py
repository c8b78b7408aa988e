"""Filling a gap in a text (fill-in-the-middle), with the marks that a model was trained on. Pure.

llama-server's /infill does this too, but cuts what stands before the gap to three quarters of a batch and what
follows it to a quarter, in silence, and puts the text before the gap first for every model; so the prompt is put
together here, and one that is too long is an error with the numbers.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domov.types import ChatRequest, CompletionRequest


@dataclass(frozen=True, slots=True)
class Family:
    """The marks of models that were trained alike. What is empty they don't have."""

    name: str
    prefix: str
    suffix: str
    middle: str = ""
    between_files: tuple[str, ...] = ()  # the first that the model knows
    suffix_first: bool = False  # the text after the gap stands before the text that is written on

    @property
    def marks(self) -> tuple[str, ...]:
        """What a model of this family must know."""
        return tuple(mark for mark in (self.prefix, self.suffix, self.middle) if mark)


# Found by what the model knows. Sources: the models' cards and papers, mistral-common's FIM encoding (Codestral's
# prompt ends with the text before the gap), llama.cpp's src/llama-vocab.cpp.
FAMILIES = (
    # Qwen2.5-Coder, Granite from 4 on; CodeGemma names its separator otherwise
    Family("qwen", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", ("<|file_sep|>", "<|file_separator|>")),
    Family("star_coder", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", ("<file_sep>",)),  # StarCoder, Granite
    Family("santa_coder", "<fim-prefix>", "<fim-suffix>", "<fim-middle>", ("<file_sep>",)),
    Family("deepseek_coder", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", ("<｜fim▁sep｜>",)),
    Family("code_llama", "▁<PRE>", "▁<SUF>", "▁<MID>"),
    Family("codestral", "[PREFIX]", "[SUFFIX]", suffix_first=True),
    Family("seed_coder", "<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", suffix_first=True),
    Family("glm", "<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
)
# The numbers of marks in a file's header: as llama.cpp names them now, and as it did before.
_KEYS = (("fim_pre_token_id", "prefix_token_id"), ("fim_suf_token_id", "suffix_token_id"))
_MIDDLE_KEYS, _BETWEEN_KEYS = ("fim_mid_token_id", "middle_token_id"), ("fim_sep_token_id",)


@dataclass(frozen=True, slots=True)
class Marks:
    prefix: int
    suffix: int
    middle: int | None
    between_files: int | None = None
    suffix_first: bool = False


def find_marks(numbers: Mapping[str, Sequence[int]]) -> Marks | None:
    """The first family whose marks are one token each. numbers: the tokens of each text of `mark_texts`."""

    def single(text: str) -> int | None:
        found = numbers.get(text, ())
        return found[0] if len(found) == 1 else None

    for family in FAMILIES:
        known = [single(mark) for mark in family.marks]
        before, after, gap = [*known, None][:3]
        if before is None or after is None or None in known or len(set(known)) != len(known):
            continue
        between = next((n for text in family.between_files if (n := single(text)) is not None), None)
        return Marks(before, after, gap, between, family.suffix_first)
    return None


def mark_texts() -> list[str]:
    """Every text that is a mark of some family."""
    return sorted({text for family in FAMILIES for text in (*family.marks, *family.between_files)})


def told_marks(metadata: Mapping[str, Any]) -> Marks | None:
    """The marks that a file's header names by their numbers; none unless it names all three."""

    def told(keys: Sequence[str]) -> int | None:
        found = (metadata.get(f"tokenizer.ggml.{key}") for key in keys)
        return next((number for number in found if isinstance(number, int)), None)

    before, after = (told(keys) for keys in _KEYS)
    gap = told(_MIDDLE_KEYS)
    if before is None or after is None or gap is None:
        return None
    return Marks(before, after, gap, told(_BETWEEN_KEYS))


def family_in(header: bytes) -> Family | None:
    """The family all of whose marks the bytes of a GGUF file's header hold, each as a string of its own."""

    def holds(text: str) -> bool:
        return struct.pack("<Q", len(text.encode())) + text.encode() in header

    return next((family for family in FAMILIES if all(map(holds, family.marks))), None)


def asks_to_fill(request: ChatRequest | CompletionRequest) -> bool:
    """Whether a gap is to be filled: one that is told apart, or one that the caller has marked in the prompt itself."""
    if not isinstance(request, CompletionRequest):
        return False
    prompt = request.prompt
    ends = isinstance(prompt, str) and any(f.middle and prompt.endswith(f.middle) for f in FAMILIES)
    return request.suffix is not None or ends


def fill_prompt(
    marks: Marks,
    *,
    before: Sequence[int],
    after: Sequence[int],
    files: Sequence[Sequence[int]] = (),
    start: Sequence[int] = (),
) -> list[int]:
    """The tokens to write on: other files first, then the text around the gap.

    start: what every prompt of the model begins with. files: each with its name in its first line.
    """
    between = [] if marks.between_files is None else [marks.between_files]
    shown = [number for file in files for number in (*between, *file)]
    own = between if shown else []
    prefix, suffix = [marks.prefix, *before], [marks.suffix, *after]
    around = [*suffix, *prefix] if marks.suffix_first else [*prefix, *suffix]
    return [*start, *shown, *own, *around, *([] if marks.middle is None else [marks.middle])]
