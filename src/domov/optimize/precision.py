"""Which precision this hardware calculates products in fastest: measured, in a child process, in under a second."""

import time

import torch

from domov.optimize.lesson import PRECISIONS, Precision

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ROWS, SIZE = 128, 512
MEASURED_SECONDS = 0.2  # for each
CLEARLY = 1.15  # so many times as fast as 32 bits, or it is not worth its rounding


def device() -> str:
    """Where training is done: a card that torch knows, or the processor."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def speeds(where: str) -> dict[Precision, float]:
    """Products a second in each precision that works here, as training has them: forwards, and back."""
    found: dict[Precision, float] = {}
    for name in PRECISIONS[1:] if where != "cpu" else ("fp32", "bf16"):  # processors do fp16 very slowly, one by one
        x = torch.ones(ROWS, SIZE, device=where)
        weight = torch.ones(SIZE, SIZE, device=where, requires_grad=True)
        try:
            _product(x, weight, name)
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < MEASURED_SECONDS:
                _product(x, weight, name)
                count += 1
            found[name] = count / (time.perf_counter() - start)
        except RuntimeError:  # not to be had on this processor, or with this build
            continue
    return found


def _product(x: torch.Tensor, weight: torch.Tensor, name: str) -> None:
    kind = DTYPES[name]
    with torch.autocast(x.device.type, dtype=kind, enabled=kind != torch.float32):
        made = torch.nn.functional.linear(x, weight)
    made.sum().backward()
    weight.grad = None
    if x.device.type == "cuda":
        torch.cuda.synchronize()


def fastest(measured: dict[Precision, float]) -> Precision:
    """bf16 before fp16, which needs its loss scaled; 32 bits where neither is clearly faster."""
    whole = measured.get("fp32", 0.0)
    bf16, fp16 = measured.get("bf16", 0.0), measured.get("fp16", 0.0)
    if bf16 >= CLEARLY * whole and CLEARLY * bf16 >= fp16:
        return "bf16"
    return "fp16" if fp16 >= CLEARLY * whole else "fp32"
