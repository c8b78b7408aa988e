"""How much of a model is read from memory to write one token: what the speed of memory limits.

Pure. Not counted: the attention cache, which is small beside the weights while a conversation is short.
"""

from domov.store.gguf import Header

EMBEDDINGS, OUTPUT = "token_embd.weight", "output.weight"


def read_bytes(header: Header) -> int:
    """Bytes of weights for each new token: of experts those that are used, of the embeddings one row, which is nothing.

    A model without an output matrix of its own uses the embeddings for that, and then reads them whole.
    """
    metadata = header.metadata
    architecture = metadata.get("general.architecture")
    experts, used = (metadata.get(f"{architecture}.{key}") for key in ("expert_count", "expert_used_count"))
    whole = isinstance(experts, int) and isinstance(used, int) and 0 < used < experts
    share = used / experts if whole else 1.0  # type: ignore[operator]
    own_output = any(tensor.name == OUTPUT for tensor in header.tensors)
    total = 0.0
    for tensor in header.tensors:
        if tensor.name == EMBEDDINGS and own_output:
            continue
        total += tensor.size_bytes * (share if "_exps." in tensor.name else 1.0)
    return round(total)
