"""`domov quantize`: a model of the store in another type, as a new model of the store that knows its parent.

The work is done by `quantizing` in a child process. Until it is whole and its digest is taken there is only a part in
`models/partial`; it is removed when the work is stopped, and gone on with when the whole computer was.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from domov.errors import BadModelFile, BadName, BadOption, Refused, WorkerDied
from domov.files import disk_errors, make_folder
from domov.optimize.child import Children, Done, Task
from domov.optimize.importance import importance
from domov.optimize.progress import Progress, Warned
from domov.optimize.texts import Text
from domov.store.download import check_room
from domov.store.gguf import FILE_TYPES, Header
from domov.store.local import digest_of
from domov.store.manifest import Lineage, Manifest, Source
from domov.store.models import Model, Models, now
from domov.store.names import HubName, LocalName, PathName, parse, shown
from domov.store.recipe import BLOCK_OF, PLAIN, RECIPES, fitting, is_quantized, needs_importance, types_of, with_types

Step = Progress | Warned | Model
FROM_QUANTIZED = "made from weights that were quantized already: what they had lost then is not in its figures"


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the work needs of its surroundings."""

    models: Models
    children: Children
    engine: str  # the build of llama.cpp

    @property
    def matrices(self) -> Path:
        """Where importance matrices are kept."""
        return self.models.folder / "importance"


@dataclass(frozen=True, slots=True)
class Order:
    model: Model
    quantization: str  # a key of RECIPES
    name: str  # of the result
    overrides: tuple[tuple[str, str], ...] = ()  # (pattern in a tensor's name, type); the first that matches
    text: Text | None = None  # what the importance matrix is taken from
    chosen: Mapping[str, str] = field(default_factory=dict)  # the type of every tensor, where `shrink` has chosen them
    how: str = "quantize"

    @property
    def recipe(self) -> str:
        more = [f"{pattern}={kind}" for pattern, kind in self.overrides]
        first = f"a type for each matrix: {counted(self.chosen)}" if self.chosen else self.quantization
        return ", ".join([first, *more, *(["importance matrix"] if self.text else [])])


def counted(types: Mapping[str, str]) -> str:
    """`Q5_0 90, Q6_K 30`: how many tensors have which type, of those in blocks."""
    kinds = [kind for kind in types.values() if BLOCK_OF[kind][0] > 1]
    return ", ".join(f"{kind} {kinds.count(kind)}" for kind in sorted(set(kinds)))


def name_given(text: str) -> str:
    """A name for a new model. Raises BadName."""
    name = parse(text)
    if not isinstance(name, LocalName):
        raise BadName(f"not a name to give: {shown(text)}", hint="names to give look like mine or mine:tag")
    return str(name)


def quantization_named(text: str) -> str:
    """A key of RECIPES. Raises BadOption."""
    if text.upper() not in RECIPES:
        raise BadOption(f"unknown quantization: {shown(text)}", hint=f"one of {', '.join(RECIPES)}")
    return text.upper()


def override_of(text: str) -> tuple[str, str]:
    """`ffn_down=Q6_K`: a pattern in tensors' names, and their type. Raises BadOption."""
    pattern, _, kind = text.rpartition("=")
    made = kind.upper() in BLOCK_OF and (kind.upper() in RECIPES.values())
    with contextlib.suppress(re.error):
        if pattern and made and re.compile(pattern):
            return pattern, kind.upper()
    raise BadOption(f"not a tensor's type: {shown(text)}", hint="it looks like ffn_down=Q6_K or 'blk\\.0\\.'=Q8_0")


def result_name(name: str, quantization: str) -> str:
    """`smollm2:135m` in Q8_0 is `smollm2:135m-q8_0`."""
    parsed, kind = parse(name), quantization.lower()
    if isinstance(parsed, LocalName):
        tag = "" if parsed.tag in (None, "latest") else f"{parsed.tag}-"
        return f"{parsed.name}:{tag}{kind}"
    match parsed:
        case PathName():
            word = parsed.path.stem
        case HubName():
            word = parsed.repo
        case _:
            word = str(parsed)
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', word).strip('-.') or 'model'}:{kind}"


def doubts(order: Order, models: Models) -> Iterator[str]:
    """What a person should agree to first."""
    if is_quantized_file(order.model.header()):
        kind = kind_of(order.model.header())
        yield f"{order.model.name} is quantized already ({kind}): quantized again it loses more than its original would"
    if models.find(order.name):
        yield f"{order.name} is here already and will be replaced"


def is_quantized_file(header: Header) -> bool:
    return any(t.type not in PLAIN for t in header.tensors if is_quantized(t))


def kind_of(header: Header) -> str:
    """What a file's quantization is called, or the type that most of its matrices have."""
    kinds = [t.type for t in header.tensors if is_quantized(t)]
    called = FILE_TYPES.get(header.metadata.get("general.file_type", -1))
    return called or max(sorted(set(kinds)), key=kinds.count, default="unknown")


def planned_types(order: Order, header: Header) -> dict[str, str]:
    """The type of each tensor. Raises BadOption for one that needs an importance matrix where there is none."""
    if order.chosen:
        return dict(order.chosen)
    types = types_of(header, order.quantization, importance=order.text is not None)
    for tensor in filter(is_quantized, header.tensors):
        wanted = next((kind for pattern, kind in order.overrides if re.search(pattern, tensor.name)), None)
        if wanted:
            types[tensor.name] = fitting(wanted, tensor)
        if order.text is None and needs_importance(tensor, types[tensor.name], order.quantization):
            raise BadOption(
                f"{order.quantization} needs an importance matrix: {tensor.name} becomes {types[tensor.name]}",
                hint="add --imatrix builtin, or --imatrix FILE with a text of the kind it is for",
            )
    return types


async def quantize(order: Order, shop: Workshop) -> AsyncGenerator[Step, None]:
    """How it gets on, and last the new model. Raises BadOption, BadModelFile, DiskFull, Refused, WorkerDied."""
    header = await asyncio.to_thread(order.model.header)
    if "split.count" in header.metadata and header.metadata["split.count"] != 1:
        raise BadModelFile(f"{order.model.name} is one part of several", hint="join them with llama-gguf-split first")
    types = planned_types(order, header)
    notes = [FROM_QUANTIZED] if is_quantized_file(header) else []
    notes += _fallbacks(header, order, types)
    for note in notes:
        yield Warned(note)
    left = sum(path.stat().st_size for path in make_folder(shop.models.partial).glob(f"{order.how}-*.part"))
    check_room(shop.models.partial, with_types(header, types).size_bytes - left)
    parent_digest = order.model.manifest.digest
    if not parent_digest:
        yield Progress("reading the model")
        parent_digest = f"sha256:{await digest_of(order.model.path, lambda p: None)}"
    lineage = Lineage(
        parent=order.model.name,
        parent_digest=parent_digest,
        how=order.how,
        recipe=order.recipe,
        engine=shop.engine,
        data=order.text.name if order.text else "",
        data_digest=order.text.digest if order.text else "",
        notes=tuple(notes),
    )
    with _part(order, types, lineage, shop) as part:
        matrix = None
        if order.text:
            matrices = importance(order.model, order.text, shop.matrices, shop.children, engine=shop.engine)
            async with aclosing(matrices) as steps:
                async for step in steps:
                    matrix = step if isinstance(step, Path) else matrix
                    if isinstance(step, Progress):
                        yield step
        async with aclosing(_write(order, types, part, matrix, shop.children)) as progress:
            async for step in progress:
                yield step
        yield Progress("checking")
        digest = await digest_of(part, lambda p: None)
        manifest = _manifest(order, part, f"sha256:{digest}", lineage)
        yield await asyncio.to_thread(shop.models.add, manifest, part)


def _fallbacks(header: Header, order: Order, types: Mapping[str, str]) -> list[str]:
    """In words: which tensors got another type than their rule says, because its blocks do not divide their rows."""
    whole = _with_long_rows(header)
    wanted = {} if order.chosen else planned_types(order, whole)
    odd = [t.name for t in header.tensors if wanted and wanted[t.name] != types[t.name]]
    if not odd:
        return []
    count = "1 tensor has" if len(odd) == 1 else f"{len(odd)} tensors have"
    return [f"{count} rows that blocks of 256 do not divide: blocks of 32, or F16, take their place"]


def _with_long_rows(header: Header) -> Header:
    """The same model with rows that every block divides."""
    tensors = [replace(t, dimensions=(t.dimensions[0] * 256, *t.dimensions[1:])) for t in header.tensors]
    return replace(header, tensors=tuple(tensors))


async def _write(
    order: Order, types: dict[str, str], part: Path, matrix: Path | None, children: Children
) -> AsyncGenerator[Progress, None]:
    total = with_types(order.model.header(), types).size_bytes
    check_room(part.parent, total - part.stat().st_size)
    told = {
        "source": str(order.model.path.resolve()),
        "target": str(part.resolve()),
        "types": types,
        "quantization": order.quantization,
        "importance": str(matrix.resolve()) if matrix else None,
        "threads": children.threads,
    }
    readable = (order.model.path, *([matrix] if matrix else []))
    task = Task("quantize", told, readable=readable, writable=(part,))
    async with aclosing(children.run(task)) as events:
        async for event in events:
            done = total if isinstance(event, Done) else event.done
            yield Progress(f"quantizing to {order.quantization}", done, total)


@contextlib.contextmanager
def _part(order: Order, types: Mapping[str, str], lineage: Lineage, shop: Workshop) -> Iterator[Path]:
    """Where the file grows. It stays only where this process, or the one that does the work, is killed."""
    what = json.dumps([lineage.parent_digest, sorted(types.items()), lineage.data_digest, shop.engine])
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    part = make_folder(shop.models.partial) / f"{order.how}-{key}.part"
    lock = FileLock(part.with_suffix(".lock"))
    with disk_errors(part):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise Refused(f"{order.name} is being made by another domov", hint="wait for it") from error
        part.touch(0o600)
    try:
        yield part
    except WorkerDied:
        raise  # memory ran out, perhaps: another time it may go on
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)


def _manifest(order: Order, part: Path, digest: str, lineage: Lineage) -> Manifest:
    parent = order.model.manifest
    return Manifest(
        name=order.name,
        digest=digest,
        size_bytes=part.stat().st_size,
        source=Source("made", f"{order.how} of {parent.name}", parent.source.file),
        licence=parent.licence,
        verified="made here: sha256 taken as it was written",
        added=now(),
        preset=parent.preset,
        lineage=lineage,
    )
