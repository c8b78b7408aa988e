import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.engine.allocated import MIB, Buffer, parse_log

# Recorded: xllamacpp 2026.10.11549, Gemma 3 on a processor; and the lines of a card, as llama.cpp prints them.
LOG = """\
0.00.296.977 I load_tensors:   CPU_Mapped model buffer size =   162.43 MiB
0.00.297.039 I load_tensors:   CPU_REPACK model buffer size =    94.50 MiB
0.00.518.123 I llama_context: constructing llama_context
0.00.518.234 I llama_context: flash_attn            = auto
0.00.518.430 I llama_context:        CPU  output buffer size =     0.24 MiB
0.00.518.596 I llama_kv_cache:        CPU KV buffer size =    32.00 MiB
0.00.518.597 I llama_kv_cache:        CPU KV buffer size =     8.00 MiB
0.00.518.598 I llama_memory_recurrent:        CPU RS buffer size =     2.50 MiB
0.00.584.967 I resolve_fused_ops: Flash Attention enabled
0.00.586.006 I sched_reserve:        CPU compute buffer size =    99.00 MiB
0.00.586.006 I sched_reserve:        CPU compute buffer size =    57.02 MiB
"""
CARD = """\
load_tensors:        CUDA0 model buffer size =  4000.00 MiB
llama_context: constructing llama_context
sched_reserve:      CUDA0 compute buffer size =   164.01 MiB
sched_reserve:  CUDA_Host compute buffer size =    20.00 MiB
"""


def test_a_recorded_log_is_added_up_by_purpose() -> None:
    found = parse_log(LOG.splitlines())
    assert found.bytes_of("cache") == 40 * MIB  # windows and whole layers have a cache each
    assert found.bytes_of("recurrent") == round(2.5 * MIB)
    assert found.bytes_of("compute") == round(57.02 * MIB)  # reserved twice: the last counts
    assert found.mapped_bytes == round(162.43 * MIB)
    assert found.flash_attention is True


def test_devices_are_told_apart() -> None:
    found = parse_log(CARD.splitlines())
    assert found.devices == ("CUDA0", "CUDA_Host")
    assert found.bytes_of(device="CUDA0") == 4000 * MIB + round(164.01 * MIB)
    assert [b.in_ram for b in found.buffers] == [False, False, True]


def test_two_contexts_each_have_their_buffers() -> None:
    assert parse_log((LOG + LOG).splitlines()).bytes_of("compute") == 2 * round(57.02 * MIB)


@pytest.mark.parametrize("text", ["", "CPU model buffer size = MiB", "x model buffer size = 1.2.3 MiB", "\0\xff"])
def test_what_is_no_log_gives_nothing(text: str) -> None:
    assert parse_log([text]).buffers == ()


@given(st.text())
def test_no_line_is_too_strange(text: str) -> None:
    assert all(isinstance(b, Buffer) and b.size_bytes >= 0 for b in parse_log(text.splitlines()).buffers)
