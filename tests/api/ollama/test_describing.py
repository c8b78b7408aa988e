"""What is told of models in memory."""

from domov.api.ollama.describing import loaded_table
from domov.engine.scheduler import Row


def test_what_lies_on_graphics_cards_is_told_apart() -> None:
    allocated = {"CPU": 1, "CPU_Mapped": 2, "CUDA_Host": 4, "CUDA0": 8, "CUDA1": 16}
    row = Row("m:1b", "idle", 40, 50, allocated, 4096, 2, 0, 0, 300.0)
    table = loaded_table(row, None)
    assert (table["size"], table["size_vram"], table["context_length"]) == (40, 24, 4096)
