"""llama.cpp's own forecast of a model's memory: it builds the model and its graphs and allocates nothing.

    python -m benchmarks.dry_run FILE SETTINGS-AS-JSON

A second opinion beside `domov.sizing`, from code that is not ours: `no_alloc`, as llama.cpp's --fit uses it
(common/fit.cpp). It runs in a process of its own, on the C functions that xllamacpp's library exports.
"""

import ctypes
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from domov.sizing.settings import Settings

MIB = 1 << 20
I32, U32, F32, P, BOOL = ctypes.c_int32, ctypes.c_uint32, ctypes.c_float, ctypes.c_void_p, ctypes.c_bool
# total = free + (self = model + context + compute); of the host only what is in the brackets, without its brackets.
_CARD = re.compile(r"- (?P<device>\S+) .*\| +\d+ = +\d+ \+ \( *\d+ = +(\d+) \+ +(\d+) \+ +(\d+)\)")
_HOST = re.compile(r"- (?P<device>Host) +\| +\d+ = +(\d+) \+ +(\d+) \+ +(\d+) +\|")
GGML_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}
PRINT, SAY_ALL = "_Z29common_memory_breakdown_printPK13llama_context", "_Z30common_log_set_verbosity_tholdi"
LOG_SECONDS = 0.3  # its log is written by a thread


class ModelParams(ctypes.Structure):
    """llama_model_params (include/llama.h at b11549)."""

    _fields_ = [
        ("devices", P), ("tensor_buft_overrides", P), ("n_gpu_layers", I32), ("split_mode", I32), ("load_mode", I32),
        ("lazy_mode", I32), ("main_gpu", I32), ("tensor_split", P), ("progress_callback", P), ("progress_data", P),
        ("kv_overrides", P), ("vocab_only", BOOL), ("check_tensors", BOOL), ("use_extra_bufts", BOOL),
        ("no_host", BOOL), ("no_alloc", BOOL), ("load_mtp", BOOL),
    ]  # fmt: skip


class ContextParams(ctypes.Structure):
    """llama_context_params (include/llama.h at b11549)."""

    _fields_ = [
        ("n_ctx", U32), ("n_batch", U32), ("n_ubatch", U32), ("n_seq_max", U32), ("n_rs_seq", U32),
        ("n_outputs_max", U32), ("n_outputs_max_per_seq", U32), ("n_threads", I32), ("n_threads_batch", I32),
        ("ctx_type", I32), ("rope_scaling_type", I32), ("pooling_type", I32), ("attention_type", I32),
        ("flash_attn_type", I32), ("floats", F32 * 6), ("yarn_orig_ctx", U32), ("defrag_thold", F32),
        ("callback", P), ("callback_data", P), ("type_k", I32), ("type_v", I32), ("abort", P), ("abort_data", P),
        ("other", P),
        ("embeddings", BOOL), ("offload_kqv", BOOL), ("no_perf", BOOL), ("op_offload", BOOL), ("swa_full", BOOL),
        ("kv_unified", BOOL), ("samplers", P), ("n_samplers", ctypes.c_size_t), ("ctx_other", P),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Forecast:
    """One device's part, in whole MiB as llama.cpp prints it: cut, not rounded."""

    device: str
    model_mib: int
    context_mib: int
    compute_mib: int  # without the output buffer

    @property
    def total_mib(self) -> int:
        return self.model_mib + self.context_mib + self.compute_mib


def parse_breakdown(lines: Iterable[str]) -> list[Forecast]:
    """The devices of the last breakdown in a log: cards first, `Host` last."""
    found: list[Forecast] = []
    for line in lines:
        if "memory breakdown [MiB]" in line:
            found = []
        elif m := _CARD.search(line) or _HOST.search(line):
            found.append(Forecast(m["device"], *(int(m[n]) for n in (2, 3, 4))))
    return found


def dry_run(file: Path, settings: Settings) -> list[Forecast]:
    """What llama.cpp would allocate for a file on this machine's processor. Raises RuntimeError with its words."""
    command = [sys.executable, "-m", "benchmarks.dry_run", str(file), json.dumps(asdict(settings))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = parse_breakdown((done.stdout + done.stderr).splitlines())
    if done.returncode or not found:
        raise RuntimeError(f"no dry run of {file.name}: {done.stderr[-1000:]}")
    return found


def main() -> None:
    """In the child: ends it, because llama.cpp's own end takes time."""
    file, settings = sys.argv[1], Settings(**json.loads(sys.argv[2]))
    import xllamacpp.xllamacpp as library  # loads llama.cpp

    native = ctypes.CDLL(library.__file__)
    model = _model_params(native)
    context = _context_params(native, settings)
    native.llama_model_load_from_file.restype = native.llama_init_from_model.restype = P
    loaded = native.llama_model_load_from_file(file.encode(), model)
    if not loaded:
        os._exit(1)
    made = native.llama_init_from_model(P(loaded), context)
    native[SAY_ALL](9)
    native[PRINT](P(made))
    time.sleep(LOG_SECONDS)
    os._exit(0 if made else 1)


def _model_params(native: Any) -> ModelParams:
    native.llama_model_default_params.restype = ModelParams
    params: ModelParams = native.llama_model_default_params()
    params.n_gpu_layers, params.no_alloc, params.load_mode, params.use_extra_bufts = 0, True, 0, False
    return params


def _context_params(native: Any, settings: Settings) -> ContextParams:
    native.llama_context_default_params.restype = ContextParams
    params: ContextParams = native.llama_context_default_params()
    known = (params.n_ctx, params.n_batch, params.type_k, params.offload_kqv, params.swa_full, params.kv_unified)
    assert known == (512, 2048, 1, True, True, False), "llama_context_params is another"
    params.n_ctx, params.n_seq_max = settings.context_tokens * settings.slots, settings.slots
    params.n_batch, params.n_ubatch = settings.batch_tokens, settings.micro_batch_tokens
    params.n_outputs_max = settings.graph_tokens if settings.embeddings else settings.slots
    params.type_k = params.type_v = GGML_TYPES[settings.cache_type]
    params.flash_attn_type = int(settings.flash_attention)
    params.embeddings, params.swa_full = settings.embeddings, False
    return params


if __name__ == "__main__":
    main()
