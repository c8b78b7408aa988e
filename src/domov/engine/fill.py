"""Filling a gap in a text (fill-in-the-middle), with the marks that a model was trained on. Pure.

llama-server's /infill does this too, but cuts what stands before the gap to three quarters of a batch and what
follows it to a quarter, in silence; so the prompt is put together here, as it does it (tools/server/
server-common.cpp, format_prompt_infill), and one that is too long is an error with the numbers.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Prefix, suffix, middle, and what goes between files, as each family calls them; found by what the model knows.
FAMILIES: tuple[tuple[str, str, str, str], ...] = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>"),  # Qwen2.5-Coder, CodeGemma
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>"),  # StarCoder 2, Granite
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<file_sep>"),  # SantaCoder
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<｜fim▁sep｜>"),  # DeepSeek-Coder
    ("▁<PRE>", "▁<SUF>", "▁<MID>", ""),  # CodeLlama
    ("[PREFIX]", "[SUFFIX]", "[MIDDLE]", ""),  # Codestral
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>", ""),  # GLM 4
)


@dataclass(frozen=True, slots=True)
class Marks:
    prefix: int
    suffix: int
    middle: int
    between_files: int | None = None


def find_marks(numbers: Mapping[str, Sequence[int]]) -> Marks | None:
    """The first family whose marks are one token each. numbers: the tokens of each text of FAMILIES."""

    def single(text: str) -> int | None:
        found = numbers.get(text, ())
        return found[0] if len(found) == 1 else None

    for prefix, suffix, middle, between in FAMILIES:
        before, after, gap = single(prefix), single(suffix), single(middle)
        if before is not None and after is not None and gap is not None and len({before, after, gap}) == 3:
            return Marks(before, after, gap, single(between))
    return None


def holds_marks(header: bytes) -> bool:
    """Whether the bytes of a GGUF file's header hold all three marks of a family, each as a string of its own."""

    def holds(text: str) -> bool:
        return struct.pack("<Q", len(text.encode())) + text.encode() in header

    return any(all(holds(text) for text in family[:3]) for family in FAMILIES)


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
    return [*start, *shown, *own, marks.prefix, *before, marks.suffix, *after, marks.middle]
