"""The marks for filling gaps: found in the bytes of a file's header and in a vocabulary, and set around a gap."""

import pytest

from domov.engine.fill import FAMILIES, Family, Marks, family_in, fill_prompt, find_marks, mark_texts, told_marks
from tests.hub import string

# A prompt of each family as its makers show it; the text before the gap is 1, the one after it 2.
SHOWN = {
    "qwen": "<|fim_prefix|>1<|fim_suffix|>2<|fim_middle|>",  # also CodeGemma's, and Granite's from version 4 on
    "star_coder": "<fim_prefix>1<fim_suffix>2<fim_middle>",  # also Granite's before
    "santa_coder": "<fim-prefix>1<fim-suffix>2<fim-middle>",
    "deepseek_coder": "<｜fim▁begin｜>1<｜fim▁hole｜>2<｜fim▁end｜>",
    "code_llama": "▁<PRE>1▁<SUF>2▁<MID>",
    "codestral": "[SUFFIX]2[PREFIX]1",
    "seed_coder": "<[fim-suffix]>2<[fim-prefix]>1<[fim-middle]>",
    "glm": "<|code_prefix|>1<|code_suffix|>2<|code_middle|>",
}


def vocabulary(*texts: str) -> dict[str, list[int]]:
    """Numbers from 100 on for the texts that are tokens; the others are several tokens each."""
    return {text: [100 + texts.index(text)] if text in texts else [7, 8, 9] for text in mark_texts()}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_a_gap_is_marked_as_the_makers_of_each_family_do(family: Family) -> None:
    marks = find_marks(vocabulary(*family.marks))
    assert marks is not None
    texts = {**{100 + n: text for n, text in enumerate(family.marks)}, 1: "1", 2: "2"}
    assert "".join(texts[n] for n in fill_prompt(marks, before=[1], after=[2])) == SHOWN[family.name]


def test_other_files_stand_between_the_separators_that_the_model_knows() -> None:
    gemma = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>")
    marks = find_marks(vocabulary(*gemma))
    assert marks == Marks(100, 101, 102, between_files=103)
    prompt = fill_prompt(marks, before=[1], after=[2], files=[[5], [6]], start=[0])
    assert prompt == [0, 103, 5, 103, 6, 103, 100, 1, 101, 2, 102]


def test_marks_that_are_several_tokens_or_the_same_one_are_none() -> None:
    assert find_marks(vocabulary()) is None
    assert find_marks({text: [0] for text in mark_texts()}) is None  # every unknown text is the same token


def test_a_header_may_name_the_marks_by_their_numbers() -> None:
    now = {"tokenizer.ggml.fim_pre_token_id": 3, "tokenizer.ggml.fim_suf_token_id": 4}
    assert told_marks(now) is None
    assert told_marks({**now, "tokenizer.ggml.fim_mid_token_id": 5}) == Marks(3, 4, 5)
    before = {f"tokenizer.ggml.{part}_token_id": n for n, part in enumerate(("prefix", "suffix", "middle"))}
    assert told_marks(before) == Marks(0, 1, 2)


def test_a_header_with_all_marks_of_a_family_fills_gaps() -> None:
    for family in FAMILIES:
        assert family_in(b"GGUF" + b"".join(map(string, family.marks))) is family


def test_marks_of_two_families_or_inside_other_words_do_not() -> None:
    assert not family_in(string("<|fim_prefix|>") + string("<|fim_suffix|>") + string("<fim_middle>"))
    assert not family_in(string("a template with <|fim_prefix|>, <|fim_suffix|> and <|fim_middle|>"))
    assert not family_in(b"")
