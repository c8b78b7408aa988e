"""What a model that is not here is made of: the first megabytes of its file, by range requests, never the file.

A GGUF header is read as a local one is, with the same limits; of a repository of safetensors the `config.json`. A host
that does not know ranges sends from the start and is left as soon as the header is whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from domov.errors import BadModelFile, DownloadFailed, NotFound
from domov.outbound import Outbound, check_status, read_body
from domov.store import blueprint
from domov.store.blueprint import Blueprint
from domov.store.download import Wanted
from domov.store.gguf import Header, parse_header, read_header
from domov.store.huggingface import PREFERRED, HubFile, Repository, choose, look_up, wanted
from domov.store.names import HubName, shown

SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
MOST_SHARDS = 512
FIRST_BYTES, STEP_BYTES = 1 << 20, 4 << 20
UNKNOWN_BYTES = 1 << 60
MOST_CONFIG_BYTES = 1 << 20
# transformers' model_type, and the GGUF architecture that its figures have here.
ARCHITECTURES = {
    "llama": "llama",
    "mistral": "llama",
    "gemma": "gemma",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "qwen3_moe": "qwen3moe",
    "olmoe": "olmoe",
    "gemma3_text": "gemma3",
    "bert": "bert",
    "xlm-roberta": "bert",
}
# config.json's keys and GGUF's.
KEYS = {
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "num_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length",
}
MOST_FIGURE = 1 << 24


class _Short(Exception):
    """The header goes on behind what was fetched, up to a byte that is known."""

    def __init__(self, end: int) -> None:
        super().__init__()
        self.end = end


async def remote_header(
    outbound: Outbound, name: HubName, *, endpoint: str, token: str | None, repository: Repository | None = None
) -> Header:
    """The header of the model that a name means: of a GGUF file, of all its shards together, or of safetensors.

    repository  what the hub has of it, where that is known

    Raises NoSuchModel, AccessDenied, DownloadFailed, BadModelFile, NotFound or Offline.
    """
    repository = repository or await look_up(outbound, name, endpoint=endpoint, token=token)
    if not repository.files:
        config = HubFile("config.json", None, None)
        return await config_header(outbound, wanted(name, config, repository, endpoint=endpoint, token=token))
    files = shards_of(repository, name) or [choose(repository, name)]
    headers = []
    for file in files:
        one = wanted(name, file, repository, endpoint=endpoint, token=token)
        headers.append(await header_at(outbound, one, size_bytes=file.size_bytes))
    return joined(headers, name=str(name))


def shards_of(repository: Repository, name: HubName) -> list[HubFile]:
    """The shards of the quantization that is wished; none where a whole file is there too, or some are missing."""
    groups: dict[str, list[HubFile]] = {}
    for file in repository.files:
        if m := SHARD.search(file.name):
            groups.setdefault(file.name[: m.start()] + m[2], []).append(file)
    wishes = [name.quant.upper()] if name.quant else list(PREFERRED)
    whole = {f.quant for f in repository.files if not SHARD.search(f.name)}
    for wish in wishes:
        if wish in whole:
            return []
        for files in groups.values():
            stem = SHARD.sub(".gguf", files[0].name)
            count = int((SHARD.search(files[0].name) or [0, 0, 0])[2])
            if HubFile(stem, None, None).quant == wish and len(files) == count <= MOST_SHARDS:
                return sorted(files, key=lambda f: f.name)
    return []


def joined(headers: Sequence[Header], *, name: str) -> Header:
    """One header for a model in several files: the first one's keys, and the tensors of all.

    Raises BadModelFile where a tensor stands in two of them.
    """
    tensors = tuple(t for header in headers for t in header.tensors)
    if len({t.name for t in tensors}) != len(tensors):
        raise BadModelFile(f"not a usable model: {name}: a tensor stands in two of its files")
    return replace(headers[0], tensors=tensors, size_bytes=sum(h.size_bytes for h in headers))


def local_header(path: Path) -> Header:
    """The header of a file on this machine, with those of its other shards if it is the first of several."""
    first = read_header(path)
    m = SHARD.search(path.name)
    if not m or int(m[1]) != 1 or not 1 < int(m[2]) <= MOST_SHARDS:
        return first
    names = [path.name[: m.start()] + f"-{n:05d}-of-{m[2]}.gguf" for n in range(2, int(m[2]) + 1)]
    return joined([first, *(read_header(path.with_name(other)) for other in names)], name=str(path))


async def header_at(outbound: Outbound, file: Wanted, *, size_bytes: int | None) -> Header:
    """The header of the file at an address; more of it is fetched, step by step, until the header is whole."""
    start = _Start(outbound, file, size_bytes)
    end = FIRST_BYTES
    while True:
        await start.fetch(end)
        try:
            return parse_header(start.read_at, size_bytes=start.size_bytes, name=file.label)
        except _Short as short:
            end = max(short.end, len(start.content) + STEP_BYTES)


class _Start:
    """The first bytes of a file far away."""

    def __init__(self, outbound: Outbound, file: Wanted, size_bytes: int | None) -> None:
        self.outbound, self.wanted = outbound, file
        self.content, self.size_bytes = bytearray(), size_bytes or UNKNOWN_BYTES

    def read_at(self, offset: int, count: int) -> bytes:
        end = min(offset + count, self.size_bytes)
        if end > len(self.content):
            raise _Short(end)
        return bytes(self.content[offset:end])

    async def fetch(self, end: int) -> None:
        """Takes in what is missing up to `end`; all of it again from a host that does not know ranges."""
        have, label = len(self.content), self.wanted.label
        headers = {"Range": f"bytes={have}-{min(end, self.size_bytes) - 1}"}
        async with self.outbound.get(
            self.wanted.url, reason=f"read the header of {label}", headers=headers, token=self.wanted.token
        ) as response:
            check_status(response, wanted=label)
            if response.status != 206:
                have, self.content = 0, bytearray()
            length = response.content_length if response.status == 200 else None
            self._learn_size(response.headers.get("Content-Range", ""), length)
            async for piece in response.content.iter_any():
                self.content += piece
                if len(self.content) >= end:
                    break
        if len(self.content) < min(end, self.size_bytes):
            if self.size_bytes != UNKNOWN_BYTES:
                raise DownloadFailed(f"{label} ended after {len(self.content)} bytes", hint="try again")
            self.size_bytes = len(self.content)

    def _learn_size(self, content_range: str, length: int | None) -> None:
        found = re.fullmatch(r"bytes \d{1,18}-\d{1,18}/(\d{1,18})", content_range)
        told = int(found[1]) if found else length
        if self.size_bytes == UNKNOWN_BYTES and told:
            self.size_bytes = told


async def config_header(outbound: Outbound, config: Wanted) -> Header:
    """The header that a repository's safetensors would have as GGUF, from its `config.json`."""
    reason = f"read the figures of {config.label}"
    async with outbound.get(config.url, reason=reason, token=config.token) as response:
        check_status(response, wanted=config.label)
        body = await read_body(response, most_bytes=MOST_CONFIG_BYTES, wanted=config.label)
    try:
        table = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DownloadFailed(f"{config.label} can't be read") from error
    return blueprint.header(from_config(table, name=config.label))


def from_config(table: Any, *, name: str) -> Blueprint:
    """The blueprint in a transformers configuration. Raises NotFound for an architecture without a rule here."""
    if not isinstance(table, Mapping):
        raise BadModelFile(f"not a model's configuration: {name}")
    text = table.get("text_config")
    table = {**table, **text} if isinstance(text, Mapping) else table
    kind = ARCHITECTURES.get(str(table.get("model_type")))
    if kind is None:
        raise NotFound(
            f"no figures for the architecture {shown(str(table.get('model_type')))}",
            hint="look for a GGUF file of the model: its header tells",
        )
    figures: dict[str, Any] = {KEYS[k]: _figure(table[k], k, name) for k in KEYS if table.get(k) is not None}
    for key in ("block_count", "embedding_length", "attention.head_count", "context_length"):
        if not figures.get(key):
            raise BadModelFile(f"not a model's configuration: {name}: it does not say {key}")
    if "attention.key_length" in figures:
        figures["attention.value_length"] = figures["attention.key_length"]
    figures.setdefault("feed_forward_length", 4 * figures["embedding_length"])
    if kind not in ("gemma3",):
        figures.pop("attention.sliding_window", None)
    return Blueprint(name, kind, _figure(table.get("vocab_size", 0), "vocab_size", name), _tied(table, kind), figures)


def _tied(table: Mapping[str, Any], kind: str) -> bool:
    return bool(table.get("tie_word_embeddings", kind in ("gemma", "gemma3", "bert")))


def _figure(value: Any, key: str, name: str) -> int:
    if type(value) is not int or not 0 <= value <= MOST_FIGURE or (key == "num_hidden_layers" and value > 4096):
        raise BadModelFile(f"not a model's configuration: {name}: {key} is {shown(str(value))}")
    return value
