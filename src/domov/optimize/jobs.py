"""The jobs of `optimize.worker`, by name: each takes a table from JSON and returns one."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from domov.errors import BadInput
from domov.optimize import quantizing
from domov.optimize.collecting import Collected, long_enough, spread, started
from domov.optimize.llama import Llama, vocabulary_of
from domov.optimize.measuring import CHUNK_TOKENS, Record, Scores, log_likelihoods
from domov.optimize.native import Floats, library
from domov.optimize.questions import is_right
from domov.optimize.sounding import Soundings, Weights, errors
from domov.optimize.worker import Job, Table, Telling

LEAST_CHUNKS = 4  # of 512 tokens: with fewer an interval says nothing
QUESTION_TOKENS = 128
library()  # loaded once, before any wall


def load_importance(path: str | None) -> dict[str, Floats]:
    if path is None:
        return {}
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name].astype(np.float32) for name in found.files}


def _quantize(told: Table, tell: Telling) -> Any:
    order = quantizing.Order(
        Path(told["source"]),
        Path(told["target"]),
        told["types"],
        told["quantization"],
        load_importance(told["importance"]),
        told["threads"],
    )
    quantizing.quantize(order, lambda written: tell(written))


def _importance(told: Table, tell: Telling) -> Any:
    found = Collected()
    llama = Llama(Path(told["model"]), context_tokens=CHUNK_TOKENS, threads=told["threads"], watch=found.watch)
    tokens = llama.tokens(told["text"])
    long_enough(tokens, least=2, size=CHUNK_TOKENS)
    chunks = spread(tokens, most=told["chunks"])
    for number, chunk in enumerate(chunks):
        tell(number * CHUNK_TOKENS, len(chunks) * CHUNK_TOKENS)
        llama.read([started(chunk, llama.first_token)], [CHUNK_TOKENS - 1])
    np.savez(told["target"], **found.means())  # type: ignore[arg-type]
    return {"tokens": len(chunks) * CHUNK_TOKENS, "tensors": len(found.sums)}


def _tokens(told: Table, tell: Telling) -> Any:
    """Writes a text, or prompts with their answers, as the numbers of its tokens, and how much each of these counts."""
    vocabulary = vocabulary_of(Path(told["model"]))
    tokens: list[int] = []
    counts: list[float] = []
    for number, (prompt, answer, weight) in enumerate(told["texts"]):
        tell(number, len(told["texts"]), step="reading the data")
        before = vocabulary.tokens(prompt, special=True) if prompt else []
        after = vocabulary.tokens(answer, first=not before)
        ends = [vocabulary.last_token] if prompt and vocabulary.last_token is not None else []
        tokens += [*before, *after, *ends]
        counts += [0.0] * len(before) + [weight] * (len(after) + len(ends))
    first = -1 if vocabulary.first_token is None else vocabulary.first_token
    arrays = {"tokens": np.array(tokens, np.int32), "counts": np.array(counts, np.float32), "first": np.array(first)}
    np.savez(told["target"], **arrays)  # type: ignore[arg-type]
    return {"tokens": len(tokens)}


def _score(told: Table, tell: Telling) -> Any:
    """Scores a text, and keeps the likelihoods or holds them against kept ones."""
    llama = Llama(Path(told["model"]), context_tokens=CHUNK_TOKENS, threads=told["threads"])
    tokens = llama.tokens(told["text"])
    long_enough(tokens, least=LEAST_CHUNKS)
    digest = hashlib.sha256(f"{llama.vocabulary_size} {tokens}".encode()).hexdigest()
    if told["tokens"] not in (None, digest):
        raise BadInput(
            "the two models read the same text as different tokens: they can't be compared token by token",
            hint="compare with a parent of the same tokenizer, or leave --against out",
        )
    chunks, scores = spread(tokens, most=told["chunks"]), Scores()
    keep = Record(Path(told["keep"]), vocabulary=llama.vocabulary_size, mode="wb") if told["keep"] else None
    parent = Record(Path(told["parent"]), vocabulary=llama.vocabulary_size, mode="rb") if told["parent"] else None
    for number, chunk in enumerate(chunks):
        tell(number * CHUNK_TOKENS, len(chunks) * CHUNK_TOKENS, step="reading the text", **scores.so_far())
        logits = llama.read([started(chunk, llama.first_token)], [CHUNK_TOKENS // 2])
        scores.add(logits[:-1], chunk[CHUNK_TOKENS // 2 + 1 :], keep=keep, parent=parent)
    for record in filter(None, (keep, parent)):
        record.close()
    llama.close()
    return {"losses": scores.losses, "divergences": scores.divergences, "same_top": scores.same_top, "tokens": digest}


def _answer(told: Table, tell: Telling) -> Any:
    """Whether each question's right end is the likeliest."""
    ends = max(len(question["ends"]) for question in told["questions"])
    llama = Llama(Path(told["model"]), context_tokens=QUESTION_TOKENS, threads=told["threads"], sequences=ends)
    right = []
    for number, question in enumerate(told["questions"]):
        tell(number, len(told["questions"]), step="answering questions")
        texts = [llama.tokens(question["begin"] + end)[:QUESTION_TOKENS] for end in question["ends"]]
        begin = llama.tokens(question["begin"])
        right.append(is_right(likelihoods(llama, begin, texts), question["ends"]))
    llama.close()
    return right


def likelihoods(llama: Llama, begin: list[int], texts: list[list[int]]) -> list[float]:
    """Of what follows the common beginning of each text, as one logarithm each."""
    starts = [common(begin, text) for text in texts]
    logits = log_likelihoods(llama.read(texts, [start - 1 for start in starts]))
    found, row = [], 0
    for text, start in zip(texts, starts, strict=True):
        count = len(text) - start
        found.append(float(logits[np.arange(row, row + count), text[start:]].sum()))
        row += count + 1
    return found


def common(first: list[int], second: list[int]) -> int:
    """How many tokens two texts begin with in common; at least one is left to foresee."""
    same = next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    return max(1, min(same, len(second) - 1))


def _sound(told: Table, tell: Telling) -> Any:
    path, importance = Path(told["model"]), load_importance(told["importance"])

    def done(number: int, total: int) -> None:
        tell(number, total, step="trying types")

    wanted = {name: [*kinds, told["probe"]] for name, kinds in told["types"].items()}
    found = errors(Weights(path), wanted, importance, threads=told["threads"], done=done)
    soundings = Soundings(path, told["text"], threads=told["threads"], chunks=told["chunks"])
    divergences = {}
    for number, (key, names) in enumerate(told["groups"].items()):
        tell(number, len(told["groups"]), step="sounding")
        divergences[key] = soundings.divergence(names, told["probe"], importance)
    return {"errors": found, "divergences": divergences}


JOBS: dict[str, Job] = {
    "quantize": _quantize,
    "importance": _importance,
    "tokens": _tokens,
    "score": _score,
    "answer": _answer,
    "sound": _sound,
}
