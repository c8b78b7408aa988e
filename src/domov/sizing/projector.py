"""How much memory a projector (mmproj) takes: what makes of a picture the tokens that a model reads.

Pure, from its header. The weights are exact. The compute buffer is a rule that was read off records of others' cards
(docs/fit.md): right to some percent for towers of one size, rough for pictures of any size and for sound.
"""

from domov.store.gguf import Header

VALUE_BYTES = 4
# Towers for pictures of any size: llama.cpp reserves for 46 x 46 tokens of 2 x 2 patches (tools/mtmd/clip.cpp).
ANY_SIZE = ("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger")
ANY_SIZE_PATCHES = 46 * 46 * 4
SOUND_PATCHES = 1500  # thirty seconds


def projector_bytes(header: Header, *, flash_attention: bool) -> int:
    """Weights and compute buffers of all towers in the file."""
    weights = sum(tensor.size_bytes for tensor in header.tensors)
    towers = (_tower_bytes(header, tower, flash_attention=flash_attention) for tower in ("vision", "audio"))
    return weights + max(towers)


def _tower_bytes(header: Header, tower: str, *, flash_attention: bool) -> int:
    def figure(key: str) -> int:
        value = header.metadata.get(f"clip.{tower}.{key}")
        return value if isinstance(value, int) and 0 <= value <= 1 << 20 else 0

    hidden, heads = figure("embedding_length"), figure("attention.head_count")
    patches = SOUND_PATCHES if tower == "audio" else _patches(header, figure("image_size"), figure("patch_size"))
    values = 3 * hidden + figure("feed_forward_length") if flash_attention else 6 * hidden + heads * patches
    return VALUE_BYTES * patches * values if hidden else 0


def _patches(header: Header, image: int, patch: int) -> int:
    kinds = (header.metadata.get(key) for key in ("clip.projector_type", "clip.vision.projector_type"))
    if any(kind in ANY_SIZE for kind in kinds):
        return ANY_SIZE_PATCHES
    return (image // patch) ** 2 if patch else 0
