import os
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domov.errors import BadModelFile
from domov.store.gguf import BLOCKS, FILE_TYPES, Elements, Header, Tensor, parse_header, read_header
from domov.store.models import Model
from domov.store.shape import shape_of
from tests.hub import (
    F32,
    I8,
    Q8_0,
    TENSORS,
    TinyTensor,
    number_value,
    numbers_value,
    string,
    text_value,
    texts_value,
    tiny_gguf,
)

TINY = tiny_gguf()
U64 = struct.Struct("<Q")


def read(content: bytes) -> Header:
    return parse_header(lambda at, count: content[at : at + count], size_bytes=len(content), name="tiny.gguf")


def refused(content: bytes) -> str:
    """What is said of a file that must not be read."""
    with pytest.raises(BadModelFile) as caught:
        read(content)
    assert "tiny.gguf" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    return caught.value.message


def with_value(value: bytes) -> bytes:
    return tiny_gguf({"x": value})


def header_of(*, version: int = 3, tensors: int = 0, keys: int = 0, rest: bytes = b"") -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", version, tensors, keys) + rest


def test_a_tiny_file_is_read_as_it_was_written() -> None:
    header = read(TINY)
    assert header.metadata["general.architecture"] == "llama"
    assert header.metadata["llama.context_length"] == 64
    assert header.metadata["tokenizer.ggml.tokens"] == ["<s>", "a", "b"]
    assert header.tensors == (
        Tensor("token_embd.weight", "F32", (8, 4), offset=0, size_bytes=8 * 4 * 4),
        Tensor("blk.0.attn_q.weight", "Q8_0", (32, 2), offset=128, size_bytes=2 * 34),  # two blocks of 34 bytes
        Tensor("output_norm.weight", "F32", (8,), offset=224, size_bytes=32),  # 128 + 68, on the next 32
    )
    assert header.data_offset + 224 + 32 == header.size_bytes == len(TINY)


def test_a_file_on_disk_is_read_like_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(TINY)
    assert read_header(tmp_path / "tiny.gguf") == read(TINY)


def test_version_2_is_read_as_well() -> None:
    assert read(TINY[:4] + struct.pack("<I", 2) + TINY[8:]).tensors == read(TINY).tensors


def test_a_file_may_be_aligned_to_64() -> None:
    header = read(tiny_gguf({"general.alignment": number_value(64)}, alignment=64))
    assert header.data_offset % 64 == 0
    assert [t.offset for t in header.tensors] == [0, 128, 256]


def test_long_arrays_are_counted_and_not_kept() -> None:
    header = read(tiny_gguf({"words": texts_value(["ab"] * 5000), "scores": numbers_value([7] * 5000)}))
    assert header.metadata["words"] == header.metadata["scores"] == Elements(5000)
    assert header.tensors == read(TINY).tensors


def test_every_scalar_type_is_read() -> None:
    scalars = [(0, "B", 1), (1, "b", -1), (2, "H", 2), (3, "h", -2), (5, "i", -3), (6, "f", 0.5), (7, "?", True)]
    for kind, code, value in [*scalars, (10, "Q", 1 << 60), (11, "q", -1), (12, "d", 0.25)]:
        assert read(with_value(struct.pack(f"<I{code}", kind, value))).metadata["x"] == value


def test_a_string_that_is_no_utf8_is_shown_with_marks() -> None:
    value = struct.pack("<IQ", 8, 2) + b"a\xff"
    assert read(with_value(value)).metadata["x"] == "a\ufffd"


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04" + bytes(100), b"<!DOCTYPE html><html>", bytes(100)])
def test_another_kind_of_file_is_refused(content: bytes) -> None:
    assert "not a usable model file" in refused(content)


def test_other_versions_are_refused() -> None:
    assert "version 1 " in refused(header_of(version=1))
    assert "version 4 " in refused(header_of(version=4))


def test_a_big_endian_file_is_refused_as_one() -> None:
    assert "big-endian" in refused(struct.pack(">4sIQQ", b"GGUF", 3, 0, 0))


def test_a_file_cut_at_any_byte_is_refused() -> None:
    for end in range(len(TINY)):
        refused(TINY[:end])


def test_claims_of_any_size_are_refused_at_once_and_without_taking_memory() -> None:
    claims = [
        header_of(tensors=1 << 60),
        header_of(keys=1 << 60),
        header_of(tensors=(1 << 64) - 1, keys=(1 << 64) - 1),
        header_of(keys=1, rest=U64.pack(10_000_000_000) + bytes(100)),
        header_of(keys=1, rest=U64.pack((1 << 64) - 1) + bytes(100)),
        with_value(struct.pack("<IQ", 8, 10_000_000_000)),
        with_value(struct.pack("<IIQ", 9, 4, 1 << 60)),
        with_value(struct.pack("<IIQ", 9, 4, 1 << 23)),
        with_value(struct.pack("<IIQ", 9, 8, 1 << 60)),
        with_value(struct.pack("<IIQ", 9, 8, 1 << 23)),
    ]
    tracemalloc.start()
    started = time.process_time()
    for content in claims:
        refused(content)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert time.process_time() - started < 1


def test_a_huge_sparse_file_is_refused_in_seconds(tmp_path: Path) -> None:
    arrays = [string(str(n)) + struct.pack("<IIQ", 9, 8, 1 << 22) for n in range(9)]
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.write(header_of(keys=9))
        for array in arrays:  # each has 4 million empty strings: holes of 32 MB
            file.write(array)
            file.seek(1 << 25, os.SEEK_CUR)
    os.truncate(path, 1 << 40)
    started = time.process_time()
    with pytest.raises(BadModelFile, match="its header is longer"):
        read_header(path)
    assert time.process_time() - started < 20  # 1 s on a laptop


def test_a_large_vocabulary_is_passed_over_quickly() -> None:
    content = tiny_gguf({"words": texts_value([f"word {n}" for n in range(300_000)])})
    started = time.process_time()
    assert read(content).metadata["words"] == Elements(300_000)
    assert time.process_time() - started < 2  # 0.1 s on a laptop


def test_arrays_in_arrays_are_refused() -> None:
    assert "of type 9" in refused(with_value(struct.pack("<IIQ", 9, 9, 1)))


@pytest.mark.parametrize("kind", [13, 255, (1 << 32) - 1])
def test_values_of_unknown_type_are_refused(kind: int) -> None:
    assert f"unknown type {kind}" in refused(with_value(struct.pack("<I", kind)))
    assert f"unknown type {kind}" in refused(with_value(struct.pack("<IIQ", 9, kind, 1)))


def test_a_key_that_stands_twice_is_refused() -> None:
    twice = (string("a") + number_value(1)) * 2
    assert "'a' stands twice" in refused(header_of(keys=2, rest=twice))


def test_two_tensors_of_one_name_are_refused() -> None:
    assert "same name" in refused(tiny_gguf(tensors=[TENSORS[0], TENSORS[0]]))


def test_overlapping_tensors_are_refused() -> None:
    tensors = [TinyTensor("a", (16,), F32, 64, offset=0), TinyTensor("b", (16,), F32, 64, offset=32)]
    assert "overlaps" in refused(tiny_gguf(tensors=tensors))


def test_a_tensor_off_its_alignment_is_refused() -> None:
    assert "misaligned" in refused(tiny_gguf(tensors=[TinyTensor("a", (8,), F32, 32, offset=8)]))


@pytest.mark.parametrize("offset", [1 << 20, 1 << 62, (1 << 64) - 32])
def test_a_tensor_beyond_the_end_is_refused(offset: int) -> None:
    content = tiny_gguf(tensors=[TinyTensor("tensor", (8,), F32, 0, offset=0)]) + bytes(64)
    at = content.index(b"tensor") + len("tensor") + 4 + 8 + 4
    assert "the file at" in refused(content[:at] + U64.pack(offset) + content[at + 8 :])


@pytest.mark.parametrize(
    "dimensions", [(), (0,), (33,), (32, 0), (1 << 63,), ((1 << 64) - 1,), (1 << 32, 1 << 32), (32, 1, 1, 1, 1)]
)
def test_impossible_shapes_are_refused(dimensions: tuple[int, ...]) -> None:
    said = refused(tiny_gguf(tensors=[TinyTensor("a", dimensions, Q8_0, 34)]))
    assert "impossible shape" in said or "dimensions" in said


def test_a_tensor_of_unknown_type_is_refused_with_a_way_out() -> None:
    with pytest.raises(BadModelFile, match="unknown type 99") as caught:
        read(tiny_gguf(tensors=[TinyTensor("a", (32,), 99, 32)]))
    assert "update Domov" in caught.value.hint


@pytest.mark.parametrize(
    "value",
    [number_value(0), number_value(7), number_value(48), number_value(1 << 20), text_value("32" * 10_000)],
)
def test_an_impossible_alignment_is_refused(value: bytes) -> None:
    assert "alignment" in refused(tiny_gguf({"general.alignment": value}))


def test_names_inside_a_file_cannot_write_on_the_terminal() -> None:
    refused(tiny_gguf(tensors=[TinyTensor("\x1b[31m" * 150, (33,), Q8_0, 34)]))
    refused(header_of(keys=2, rest=(string("\x1b[31m" * 150) + number_value(1)) * 2))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    for path in (tmp_path, tmp_path / "none.gguf", tmp_path / "pipe.gguf", Path("/dev/null"), tmp_path / ("a" * 300)):
        with pytest.raises(BadModelFile):
            read_header(path)


def test_a_file_that_shrinks_while_it_is_read_is_refused() -> None:
    with pytest.raises(BadModelFile, match="shorter while it was read"):
        parse_header(lambda at, count: TINY[:100][at : at + count], size_bytes=len(TINY), name="tiny.gguf")


@given(st.lists(st.tuples(st.integers(0, len(TINY) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    content = bytearray(TINY)
    for at, byte in changes:
        content[at] = byte
    read_or_refuse(bytes(content))


@given(st.integers(0, len(TINY) - 8), st.sampled_from([0, 1, 1 << 31, 1 << 32, 1 << 60, 1 << 63, (1 << 64) - 1]))
@example(at=8, number=1 << 60)
def test_huge_numbers_anywhere_are_read_or_refused_and_nothing_else(at: int, number: int) -> None:
    read_or_refuse(TINY[:at] + U64.pack(number) + TINY[at + 8 :])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes) -> None:
    read_or_refuse(b"GGUF\3\0\0\0" + content)


def read_or_refuse(content: bytes) -> None:
    try:
        header = read(content)
        shape_of(header, name="tiny.gguf")
    except BadModelFile as error:
        assert len(error.message) < 500
        return
    for tensor in header.tensors:
        assert header.data_offset + tensor.offset + tensor.size_bytes <= len(content)


def test_block_sizes_are_those_of_their_bits() -> None:
    # e.g. Q4_K: 256 values x 4 bits + 12 bytes of scales + two 2-byte floats = 144 bytes = 4.5 bits a value
    bits = {name: size * 8 / elements for name, elements, size in BLOCKS.values()}
    assert (bits["F32"], bits["F16"], bits["Q8_0"], bits["Q4_0"], bits["Q4_K"], bits["Q6_K"], bits["MXFP4"]) == (
        32.0,
        16.0,
        8.5,
        4.5,
        4.5,
        6.5625,
        4.25,
    )


def test_file_types_are_named_once_each() -> None:
    assert len(set(FILE_TYPES.values())) == len(FILE_TYPES)


def test_a_file_of_many_tensors_is_read_quickly() -> None:
    tensors = [TinyTensor(f"blk.{n}", (32,), I8, 32) for n in range(5000)]
    content = tiny_gguf(tensors=tensors)
    started = time.process_time()
    assert len(read(content).tensors) == 5000
    assert time.process_time() - started < 2


def test_the_starter_is_what_it_says(starter: Model) -> None:
    shape = starter.shape()
    assert (shape.parameters, shape.quantization, shape.trained_context_tokens) == (134_515_008, "Q4_1", 8192)
    assert [(a.kv_heads, a.key_size, a.value_size) for a in shape.attention] == [(3, 64, 64)] * 30
