"""The models on this machine.

    models/blobs/sha256-…          files, named by their content
    models/manifests/<name>.json   one for each name, percent-encoded so that it can't be a path
    models/partial/                downloads under way
    models/.lock                   held while names or blobs are added or removed

A manifest is written only after its blob is whole, so a name always leads to a model.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from domov.errors import BadModelFile, BadName, NoSuchModel
from domov.files import disk_errors, make_folder, write_atomically
from domov.store.catalogue import Catalogue
from domov.store.gguf import Header, read_header
from domov.store.manifest import Manifest, Source, from_json, to_json
from domov.store.names import LocalName, Name, PathName, parse, shown
from domov.store.shape import ModelShape, shape_of

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be run: its manifest and the file with its weights."""

    manifest: Manifest
    path: Path

    @property
    def name(self) -> str:
        return self.manifest.name

    def header(self) -> Header:
        return read_header(self.path)

    def shape(self) -> ModelShape:
        return shape_of(self.header(), name=self.name)


class Models:
    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self.folder, self.catalogue = folder, catalogue

    @property
    def partial(self) -> Path:
        return self.folder / "partial"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by whoever adds or removes names or blobs; released by the system if its holder dies."""
        make_folder(self.folder)
        lock = FileLock(self.folder / ".lock")
        with disk_errors(self.folder):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def blob(self, digest: str) -> Path:
        """Where the file of that digest lies or will lie. Raises BadModelFile for anything but a digest."""
        if not _DIGEST.fullmatch(digest):
            raise BadModelFile(f"not a digest: {shown(digest)}")
        return self.folder / "blobs" / digest.replace(":", "-")

    def all(self) -> list[Model]:
        """Every model here, by name. Raises BadModelFile for a damaged manifest."""
        found = sorted((self.folder / "manifests").glob("*.json"))
        return [self._model(manifest) for path in found if (manifest := self._read(path))]

    def get(self, text: str) -> Model:
        """The model called `text`, or the file that it is the path of.

        Raises BadName, NoSuchModel (with the nearest names that are here or could be pulled) or BadModelFile.
        """
        name = parse(text)
        if isinstance(name, PathName):
            return self._referenced(name.path)
        manifest = self._find(name)
        if manifest is None:
            raise NoSuchModel(f"no such model: {text}", hint=self._suggestion(name))
        model = self._model(manifest)
        self._check_unchanged(model)
        return model

    def find(self, text: str) -> Model | None:
        """Like `get`, but None where no such model is here."""
        try:
            return self.get(text)
        except NoSuchModel:
            return None

    def add(self, manifest: Manifest, blob: Path | None = None) -> Model:
        """Takes in a verified file, if there is one to take, and gives it its name, replacing what had it."""
        with self.lock():
            path = self._manifest_path(manifest.name)
            replaced = self._read(path)
            kept = self._digests_without(manifest.name) | (set() if manifest.path else {manifest.digest})
            if blob is not None:
                target = self.blob(manifest.digest)
                make_folder(target.parent)
                with disk_errors(target):
                    os.chmod(blob, 0o400)
                    os.replace(blob, target)
            elif not manifest.path and not self.blob(manifest.digest).exists():
                raise NoSuchModel(f"the file of {manifest.name} was removed meanwhile", hint="run the command again")
            write_atomically(path, to_json(manifest))
            if replaced:
                self._drop_blob(replaced.digest, kept)
        return self._model(manifest)

    def copy(self, source: str, target: str) -> Model:
        """A second name for the same model. Raises NoSuchModel, BadName."""
        name = parse(target)
        if not isinstance(name, LocalName):
            raise BadName(f"not a name to give: {shown(target)}", hint="names to give look like mine or mine:tag")
        return self.add(replace(self.get(source).manifest, name=str(name), added=now()))

    def remove(self, text: str) -> int:
        """Takes the name away, and the file with the last name that it had. Returns the bytes set free.

        A file that is used where it lies is left alone. Raises NoSuchModel.
        """
        with self.lock():
            manifest = self._find(parse(text))
            if manifest is None:
                raise NoSuchModel(f"no such model: {text}", hint=self._suggestion(parse(text)))
            path, kept = self._manifest_path(manifest.name), self._digests_without(manifest.name)
            with disk_errors(path):
                path.unlink()
            return self._drop_blob(manifest.digest, kept)

    def _digests_without(self, name: str) -> set[str]:
        """The digests of the blobs that other names need. Asked before anything changes: one may be damaged."""
        return {m.manifest.digest for m in self.all() if m.name != name and not m.manifest.path}

    def _drop_blob(self, digest: str, kept: set[str]) -> int:
        blob = self.blob(digest)
        if digest in kept or not blob.exists():
            return 0
        size = blob.stat().st_size
        with disk_errors(blob):
            blob.unlink()
        return size

    def _find(self, name: Name) -> Manifest | None:
        for candidate in self._candidates(name):
            if manifest := self._read(self._manifest_path(candidate)):
                return manifest
        return None

    def _candidates(self, name: Name) -> list[str]:
        """The full names that a short one may stand for, best first."""
        if isinstance(name, PathName):
            return []
        if not isinstance(name, LocalName) or name.tag:
            return [str(name)]
        entry = self.catalogue.find(name)
        same = [m.name for m in self.all() if m.name.startswith(f"{name.name}:")]
        return [str(name), *([entry.name] if entry else []), *(same if len(same) == 1 else [])]

    def _manifest_path(self, name: str) -> Path:
        return self.folder / "manifests" / f"{quote(name, safe='')}.json"

    def _read(self, path: Path) -> Manifest | None:
        try:
            return from_json(path.read_bytes(), path=path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadModelFile(f"can't read {path}: {error.strerror}") from error

    def _model(self, manifest: Manifest) -> Model:
        return Model(manifest, Path(manifest.path) if manifest.path else self.blob(manifest.digest))

    def _check_unchanged(self, model: Model) -> None:
        if not model.path.is_file():
            raise NoSuchModel(f"the file of {model.name} is gone: {model.path}", hint=f"domov rm {model.name}")
        if model.manifest.modified_ns not in (None, model.path.stat().st_mtime_ns):
            raise BadModelFile(
                f"{model.path} has changed since it became {model.name}",
                hint=f"domov pull {model.path} takes it in anew",
            )

    def _referenced(self, path: Path) -> Model:
        """A file that has no manifest: named by its path, known by size and time instead of a digest."""
        try:
            stat = path.stat()
        except OSError as error:
            raise NoSuchModel(f"no such file: {path}: {error.strerror}") from error
        if not path.is_file():
            raise BadModelFile(f"not a file: {path}")
        source = Source("file", str(path), path.name)
        manifest = Manifest(
            name=str(path),
            digest="",
            size_bytes=stat.st_size,
            source=source,
            licence="",
            verified="nothing: used where it lies",
            added=now(),
            path=str(path),
            modified_ns=stat.st_mtime_ns,
        )
        return Model(manifest, path)

    def _suggestion(self, name: Name) -> str:
        here = [m.name for m in self.all()]
        if near := self.catalogue.nearest(str(name), [*here, *(e.name for e in self.catalogue.entries)]):
            return f"did you mean {' or '.join(near)}? `domov pull` fetches what `domov list` does not show"
        return (
            "`domov list` shows what is here, `domov list --catalogue` what can be pulled by name, or hf.co/user/repo"
        )


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
