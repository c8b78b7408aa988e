import struct
from pathlib import Path

import pytest

from domov.errors import BadModelFile, DomovError, DownloadFailed, NoSuchModel, NotFound, Offline
from domov.outbound import Outbound
from domov.store import blueprint
from domov.store.gguf import Header, parse_header
from domov.store.names import HubName
from domov.store.remote import FIRST_BYTES, from_config, local_header, remote_header
from domov.store.shape import shape_of
from tests.hub import TENSORS, Fault, Hub, TinyTensor, texts_value, tiny_gguf

NAME = HubName("user", "repo")
LONG = {"tokenizer.ggml.tokens": texts_value(["x" * 100] * 40_000)}  # a header of more than four megabytes


def parsed(content: bytes) -> Header:
    return parse_header(lambda at, count: content[at : at + count], size_bytes=len(content), name="x")


async def fetch(outbound: Outbound, hub: Hub, name: HubName = NAME) -> Header:
    return await remote_header(outbound, name, endpoint=hub.url, token=None)


async def test_only_the_beginning_of_a_file_is_fetched(outbound: Outbound, hub: Hub) -> None:
    content = tiny_gguf(filler_bytes=8 << 20)
    hub.add_repository("user/repo", {"m-Q8_0.gguf": content})
    assert (await fetch(outbound, hub)).tensors == parsed(content).tensors
    assert [r.range for r in hub.downloads()] == [f"bytes=0-{FIRST_BYTES - 1}"]


async def test_a_long_header_is_fetched_step_by_step(outbound: Outbound, hub: Hub) -> None:
    content = tiny_gguf(LONG, filler_bytes=8 << 20)
    hub.add_repository("user/repo", {"m-Q8_0.gguf": content})
    assert (await fetch(outbound, hub)).data_offset > 4_000_000
    assert [r.range for r in hub.downloads()][1].startswith(f"bytes={FIRST_BYTES}-")  # type: ignore[union-attr]


async def test_a_host_without_ranges_is_read_from_the_start(outbound: Outbound, hub: Hub) -> None:
    hub.add_repository("user/repo", {"m-Q8_0.gguf": tiny_gguf(LONG, filler_bytes=8 << 20)})
    hub.fail("/cdn/", *[Fault(ignores_range=True)] * 4)
    assert (await fetch(outbound, hub)).data_offset > 4_000_000


async def test_shards_are_taken_together(outbound: Outbound, hub: Hub) -> None:
    one, two = tiny_gguf(), tiny_gguf(tensors=[TinyTensor("blk.1.attn_q.weight", (32, 2), 8, 68)])
    hub.add_repository("user/repo", {"m-Q8_0-00001-of-00002.gguf": one, "m-Q8_0-00002-of-00002.gguf": two})
    header = await fetch(outbound, hub)
    assert len(header.tensors) == len(TENSORS) + 1
    assert shape_of(header, name="x").weights_bytes == 128 + 68 + 32 + 68


def test_shards_on_this_machine_too(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(tiny_gguf())
    with pytest.raises(BadModelFile, match="00002-of-00002"):
        local_header(first)
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(tiny_gguf())
    with pytest.raises(BadModelFile, match="two of its files"):
        local_header(first)


async def test_safetensors_are_known_by_their_configuration(outbound: Outbound, hub: Hub) -> None:
    config = (
        b'{"model_type": "mistral", "vocab_size": 32768, "hidden_size": 4096, "intermediate_size": 14336,'
        b'"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,'
        b'"max_position_embeddings": 32768, "sliding_window": null}'
    )
    hub.add_repository("user/repo", {"config.json": config, "model.safetensors": b""})
    header = await fetch(outbound, hub)
    assert header.tensors == blueprint.header(blueprint.load()["mistral:7b"]).tensors


@pytest.mark.parametrize(
    "table",
    [
        [],
        {},
        {"model_type": "llama"},
        {"model_type": "llama", "num_hidden_layers": 1 << 60, "hidden_size": 8, "num_attention_heads": 1},
        {"model_type": "llama", "num_hidden_layers": -1},
        {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": "x"},
        {"model_type": "rwkv99"},
        {"model_type": "\x1b[31m" * 1000},
    ],
)
def test_a_configuration_that_lies_is_refused(table: object) -> None:
    with pytest.raises((BadModelFile, NotFound)) as caught:
        from_config(table, name="x")
    assert caught.value.message.isprintable() and len(caught.value.message) < 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"<html>not found</html>",
        struct.pack("<4sIQQ", b"GGUF", 3, 1 << 60, 1),
        struct.pack("<4sIQQQ", b"GGUF", 3, 1, 1, 10 << 30) + b"key",  # a key of ten gigabytes
        tiny_gguf()[:-100],
    ],
)
async def test_a_header_that_lies_is_one_sentence(outbound: Outbound, hub: Hub, content: bytes) -> None:
    hub.add_repository("user/repo", {"m-Q8_0.gguf": content})
    with pytest.raises(DomovError) as caught:
        await fetch(outbound, hub)
    assert caught.value.message.isprintable() and len(caught.value.message) < 300


async def test_redirects_without_end_are_given_up(outbound: Outbound, hub: Hub) -> None:
    hub.add_repository("user/repo", {"m-Q8_0.gguf": tiny_gguf()})
    hub.redirects["/cdn/user/repo/resolve/" + hub.repositories["/api/models/user/repo"]["sha"] + "/m-Q8_0.gguf"] = (
        "/cdn/user/repo/resolve/" + hub.repositories["/api/models/user/repo"]["sha"] + "/m-Q8_0.gguf"
    )
    with pytest.raises(DownloadFailed, match="redirects"):
        await fetch(outbound, hub)


async def test_what_is_not_there_and_what_is_forbidden(tmp_path: Path, outbound: Outbound, hub: Hub) -> None:
    with pytest.raises(NoSuchModel):
        await fetch(outbound, hub)
    async with Outbound(tmp_path / "ledger", offline=True) as closed:
        with pytest.raises(Offline):
            await fetch(closed, hub)
