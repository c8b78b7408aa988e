"""What the header of a model's file says that it can do, before it is loaded."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from domov.engine.fill import Family, family_in, told_marks
from domov.errors import BadModelFile
from domov.store.gguf import Header, read_header
from domov.store.models import Model
from domov.store.shape import ModelShape, shape_of

# What templates of models that think speak of: Qwen, DeepSeek and most; gpt-oss; Gemma 4.
THOUGHTS = ("<think>", "enable_thinking", "reasoning_content", "reasoning_effort", "<|channel|>")


@dataclass(frozen=True, slots=True)
class Known:
    """What a model's file says of it."""

    header: Header
    shape: ModelShape
    family: Family | None  # of the marks around a gap

    @property
    def fills_gaps(self) -> bool:
        return self.family is not None or told_marks(self.header.metadata) is not None

    @property
    def thinks(self) -> bool:
        return any(word in (self.shape.chat_template or "") for word in THOUGHTS)


def known(model: Model) -> Known:
    """Read once for as long as the file stays as it is. Raises BadModelFile."""
    try:
        stat = model.path.stat()
    except OSError as error:
        raise BadModelFile(f"can't read {model.path}: {error.strerror or error}") from error
    return _known(model.path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _known(path: Path, modified_ns: int, size_bytes: int) -> Known:
    header = read_header(path)
    with path.open("rb") as file:
        family = family_in(file.read(header.data_offset))
    return Known(header, shape_of(header, name=path.name), family)
