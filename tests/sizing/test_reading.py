from domov.sizing.reading import read_bytes
from domov.store.gguf import Header, Tensor

LAYER = Tensor("blk.0.attn_q.weight", "Q8_0", (32, 10), 0, 340)
EMBEDDINGS = Tensor("token_embd.weight", "Q8_0", (32, 100), 0, 3400)
OUTPUT = Tensor("output.weight", "Q8_0", (32, 100), 0, 3400)
EXPERTS = Tensor("blk.0.ffn_up_exps.weight", "Q8_0", (32, 10, 8), 0, 2720)


def header(*tensors: Tensor, **metadata: int) -> Header:
    more = {f"x.{key}": value for key, value in metadata.items()}
    return Header(3, {"general.architecture": "x", **more}, tensors, 0, 0)


def test_embeddings_are_read_whole_only_where_they_are_the_output_too() -> None:
    assert read_bytes(header(LAYER, EMBEDDINGS)) == 3740
    assert read_bytes(header(LAYER, EMBEDDINGS, OUTPUT)) == 3740


def test_of_experts_only_those_that_are_used_are_read() -> None:
    assert read_bytes(header(LAYER, EXPERTS, expert_count=8, expert_used_count=2)) == 340 + 680
    assert read_bytes(header(LAYER, EXPERTS)) == 340 + 2720
