"""What a model is for, as the header of its file says: chat, embedding or reranking. Pure."""

from domov.options import Task
from domov.store.gguf import Header

# Encoders: they read a whole text at once and write none.
ENCODERS = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
RANK = 4  # llama.cpp's LLAMA_POOLING_TYPE_RANK; 0 is none, 1 mean, 2 cls, 3 last


def task_of(header: Header) -> Task:
    """From the architecture and its `pooling_type`; a rank, or a classifier's output tensor, makes it reranking."""
    architecture = header.metadata.get("general.architecture")
    pooling = header.metadata.get(f"{architecture}.pooling_type")
    if pooling == RANK or any(tensor.name.startswith("cls.output.") for tensor in header.tensors):
        return "reranking"
    return "embedding" if architecture in ENCODERS or pooling in (1, 2, 3) else "chat"
