"""GGUF files of models' true shapes with random weights: llama.cpp loads and runs them, and what they say is nonsense.

    python -m benchmarks.shapes tinyllama:1.1b --type Q4_0 [--layers N] [--vocabulary N] FILE

The names are those of `store/blueprints.toml`. The tokenizer is the starter's, with its vocabulary cut or padded, and
so is the chat template. Weights are one random pattern of blocks with sane scales, written again and again, so that a
file is made as fast as a disk takes it.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import IO, Any

import gguf
import numpy as np
import numpy.typing as npt

from domov import app
from domov.store import blueprint
from domov.store.blueprint import Blueprint
from domov.store.gguf import Header, Tensor
from domov.store.recipe import BLOCK_OF, RECIPES, retyped

Bytes = npt.NDArray[np.uint8]
PATTERN_BLOCKS = 8191  # prime: no two rows of a matrix are the same
ALIGNMENT = 32
SPREAD = 0.02  # standard deviation of the weights, about that of trained ones
# Where a block keeps its f16 scales, and what makes its values about SPREAD wide: (offset, factor).
SCALES = {
    "Q8_0": ((0, 1 / 73),),
    "Q4_0": ((0, 1 / 4.6),),
    "Q4_1": ((0, 1 / 4.6), (2, -7.5 / 4.6)),
    "Q5_0": ((0, 1 / 9.2),),
    "Q5_1": ((0, 1 / 9.2), (2, -15.5 / 9.2)),
    "Q2_K": ((80, 1 / 16), (82, 1 / 11)),
    "Q3_K": ((108, 1 / 40),),
    "Q4_K": ((0, 1 / 150), (2, 7.5 / 150)),
    "Q5_K": ((0, 1 / 300), (2, 15.5 / 300)),
    "Q6_K": ((208, 1 / 1400),),
    "IQ4_NL": ((0, 1 / 70),),
}
CAN_BE_MADE = sorted(name for name, kind in RECIPES.items() if kind in (*SCALES, "F32", "F16", "BF16", "MXFP4"))
TOKEN_UNUSED = 5
STARTER = "smollm2:135m"


def main() -> None:
    arguments = _arguments()
    plan = blueprint.load()[arguments.name]
    write(
        plan if arguments.layers is None else plan.with_layers(arguments.layers),
        arguments.file,
        quantization=arguments.type,
        tokenizer=starter(),
        vocabulary=arguments.vocabulary,
        hollow=arguments.hollow,
    )
    sys.stderr.write(f"{arguments.file}: {arguments.file.stat().st_size / 1e6:.0f} MB\n")


def starter() -> Path:
    """The starter's file, pulled if it is not here."""
    subprocess.run([sys.executable, "-m", "domov", "pull", STARTER], check=True, stderr=subprocess.DEVNULL)
    return app.load().models.get(STARTER).path


def write(
    plan: Blueprint,
    target: Path,
    *,
    quantization: str,
    tokenizer: Path,
    vocabulary: int | None = None,
    hollow: bool = False,
) -> Header:
    """Writes the file and returns the header that it was made from.

    tokenizer   a GGUF file whose tokenizer and chat template are taken
    vocabulary  tokens, where it should not be the model's own number
    hollow      all weights 0, in a sparse file: it can be loaded, and takes no room on a disk
    """
    plan = replace(plan, vocabulary=vocabulary or plan.vocabulary)
    header = retyped(blueprint.header(plan), quantization)
    writer = gguf.GGUFWriter(target, plan.architecture)
    _add_metadata(writer, header)
    _add_tokenizer(writer, _tokenizer(tokenizer), plan)
    for tensor in header.tensors:
        kind = gguf.GGMLQuantizationType[tensor.type]
        writer.add_tensor_info(
            tensor.name, tensor.dimensions[::-1], np.dtype(np.float32), tensor.size_bytes, raw_dtype=kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    assert writer.fout
    file = writer.fout[0]
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    random = np.random.default_rng(36668)
    patterns: dict[str, bytes] = {}
    for tensor in header.tensors:
        if hollow:
            file.seek(-(-tensor.size_bytes // ALIGNMENT) * ALIGNMENT, os.SEEK_CUR)
        else:
            _write_tensor(file, tensor, patterns, random)
    file.truncate()
    writer.close()
    return header


def pattern(kind: str, random: np.random.Generator) -> bytes:
    """PATTERN_BLOCKS blocks of a type: random bits, and scales that make of them finite weights of the usual size."""
    if kind in ("F32", "F16", "BF16"):
        values = random.normal(0, SPREAD, PATTERN_BLOCKS * 32).astype(np.float32)
        if kind == "BF16":
            return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        return values.astype(np.float16).tobytes() if kind == "F16" else values.tobytes()
    _, size = BLOCK_OF[kind]
    blocks: Bytes = random.integers(0, 256, (PATTERN_BLOCKS, size), dtype=np.uint8)
    if kind == "MXFP4":
        blocks[:, 0] = 120  # E8M0: 2 ** (120 - 127), halved
        return blocks.tobytes()
    for offset, factor in SCALES[kind]:
        scale = np.array([SPREAD * factor], np.float16).view(np.uint8)
        blocks[:, offset : offset + 2] = scale
    return blocks.tobytes()


def _write_tensor(file: IO[bytes], tensor: Tensor, patterns: dict[str, bytes], random: np.random.Generator) -> None:
    left = tensor.size_bytes
    if len(tensor.dimensions) == 1 or tensor.name.endswith(("ssm_a", "ssm_d")):
        # Norms near 1; state-space decay below 0, as trained files have it.
        sign = -1.0 if tensor.name.endswith("ssm_a") else 0.0 if tensor.name.endswith("bias") else 1.0
        file.write(np.full(tensor.elements, sign, np.float32).tobytes())
        left = 0
    elif tensor.type not in patterns:
        patterns[tensor.type] = pattern(tensor.type, random)
    while left > 0:
        left -= file.write(patterns[tensor.type][:left])
    file.write(b"\0" * (-tensor.size_bytes % ALIGNMENT))


def _add_metadata(writer: Any, header: Header) -> None:
    for key, value in header.metadata.items():
        if key == "general.architecture":
            continue
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    writer.add_quantization_version(2)


@cache
def _tokenizer(file: Path) -> dict[str, Any]:
    """The keys of a file's tokenizer; they take a second to read."""
    fields = gguf.GGUFReader(file).fields.items()
    return {key: field.contents() for key, field in fields if key.startswith("tokenizer.")}


def _add_tokenizer(writer: Any, fields: dict[str, Any], plan: Blueprint) -> None:
    """The starter's byte-pair vocabulary: its first tokens are a vocabulary too, and more are tokens never used."""
    tokens: list[str] = fields["tokenizer.ggml.tokens"][: plan.vocabulary]
    kinds: list[int] = fields["tokenizer.ggml.token_type"][: plan.vocabulary]
    known, merges = set(tokens), fields["tokenizer.ggml.merges"]
    padding = plan.vocabulary - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(fields.get("tokenizer.ggml.pre", "smollm"))
    writer.add_token_list(tokens + [f"<unused_{n}>" for n in range(padding)])
    writer.add_token_types(kinds + [TOKEN_UNUSED] * padding)
    writer.add_token_merges([m for m in merges if m.replace(" ", "") in known])
    for name in ("bos", "eos", "unknown", "padding"):
        key = f"tokenizer.ggml.{name}_token_id"
        if key in fields:
            writer.add_uint32(key, int(fields[key]))
    if plan.architecture == "bert":
        writer.add_uint32("tokenizer.ggml.cls_token_id", 1)
        writer.add_uint32("tokenizer.ggml.seperator_token_id", 2)  # spelt so in the format
        writer.add_uint32("tokenizer.ggml.token_type_count", 2)
    if template := fields.get("tokenizer.chat_template"):
        writer.add_chat_template(template)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shapes", description="A file of a model's true shape.")
    parser.add_argument("name", choices=sorted(blueprint.load()), metavar="NAME")
    parser.add_argument("--type", default="Q4_0", choices=CAN_BE_MADE, help="quantization (Q4_0)")
    parser.add_argument("--layers", type=int, help="fewer layers than the model has")
    parser.add_argument("--vocabulary", type=int, help="another number of tokens")
    parser.add_argument("--hollow", action="store_true", help="a sparse file whose weights are all 0")
    parser.add_argument("file", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
