"""Predicted against really allocated memory, for models' true shapes: `make bench-fit`.

Each row loads a file in llama.cpp and compares its buffers with what `domov.sizing` says from the header alone. The
files are hollow (sparse, all weights 0): what is allocated does not depend on the weights. A quick choice of rows is
tests/sizing/test_allocated.py; `--speed` compares predicted and measured speed, with real weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import shapes
from benchmarks.dry_run import Forecast, dry_run
from domov import app
from domov.engine.allocated import Allocated, parse_log
from domov.sizing.memory import Memory, memory
from domov.sizing.plan import Wishes, make_plan
from domov.sizing.settings import Settings
from domov.store import blueprint
from domov.store.gguf import read_header
from domov.store.shape import ModelShape, shape_of

MIB = 1 << 20
RESERVE = 1024 * MIB  # left to the rest of the machine
# Whose embeddings are also their output, and stand twice in a dry run; loaded, they are there once, as our rows show.
COUNTED_TWICE = ("gemma4",)
WORST, MEDIAN = 0.05, 0.01
# xllamacpp's server as a worker starts it, but for the warm-up and for weights packed anew, which take time.
LOAD = """
import json, os, sys
import xllamacpp as x
o = json.loads(sys.argv[1])
p = x.CommonParams()
p.model.path = o["file"]
p.n_ctx, p.n_parallel = o["context_tokens"] * o["slots"], o["slots"]
p.n_batch, p.n_ubatch = o["batch_tokens"], o["micro_batch_tokens"]
p.cache_type_k = p.cache_type_v = getattr(x.ggml_type, "GGML_TYPE_" + o["cache_type"].upper())
p.flash_attn_type = x.llama_flash_attn_type(int(o["flash_attention"]))
p.embedding = o["embeddings"]
p.n_gpu_layers = 0
p.verbosity, p.offline, p.ui, p.warmup, p.fit_params, p.no_extra_bufts = 4, True, False, False, False, True
server = x.Server(p)  # kept: its end can hang
os._exit(0)
"""


# As a worker loads it, weights packed and all; then a prompt of about 500 tokens and an answer of 64.
ANSWER = """
import json, os, sys
import xllamacpp as x
o = json.loads(sys.argv[1])
p = x.CommonParams()
p.model.path, p.n_ctx, p.n_parallel, p.n_batch = o["file"], 2048, 1, 512
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = o["threads"]
p.verbosity, p.offline, p.ui, p.n_gpu_layers = 0, True, False, 0
server = x.Server(p)
found = []
for n in range(3):
    text = f"{n} " + "a house by the sea " * 100
    answer = server.handle_completions({"prompt": text, "max_tokens": 64, "ignore_eos": True, "temperature": 0})
    answer = json.loads(answer) if isinstance(answer, str) else answer
    found.append([answer["timings"]["predicted_per_second"], answer["timings"]["prompt_per_second"]])
print("RESULT" + json.dumps(found), flush=True)
os._exit(0)
"""
SPEED_MODELS = (("smollm2:135m", "Q4_1"), ("qwen3:0.6b", "Q4_K_M"), ("qwen3:0.6b", "Q8_0"), ("tinyllama:1.1b", "Q4_0"),
                ("gemma3:1b", "Q4_K_M"), ("granite4-h:350m", "Q6_K"))  # fmt: skip
SPEED_MEDIAN = 0.15


@dataclass(frozen=True, slots=True)
class Row:
    model: str
    quantization: str
    settings: Settings
    predicted: Memory
    allocated: Allocated

    @property
    def error(self) -> float:
        """Of the whole; 0.01 is one percent too much."""
        return self.predicted.buffers_bytes / self.allocated.bytes_of() - 1

    @property
    def beside_weights_error(self) -> float:
        """The same without the weights, which are easy."""
        predicted = self.predicted.buffers_bytes - self.predicted.weights_bytes
        return predicted / (self.allocated.bytes_of() - self.allocated.bytes_of("weights")) - 1


def variations(contexts: Iterable[int] = (2048, 8192, 32768)) -> Iterator[Settings]:
    for context in contexts:
        yield Settings(context)
        yield Settings(context // 4, slots=4)
    yield Settings(8192, flash_attention=False)
    yield Settings(4096, slots=2, cache_type="q8_0")
    yield Settings(16384, cache_type="q4_0")
    yield Settings(8192, batch_tokens=128, micro_batch_tokens=128)


def allocate(file: Path, settings: Settings) -> Allocated:
    """Loads the file and reads what was allocated. Raises RuntimeError with llama.cpp's words."""
    options = {name: getattr(settings, name) for name in Settings.__dataclass_fields__}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps({**options, "file": str(file)})],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{file.name} was not loaded: {done.stderr[-1000:]}")
    return parse_log((done.stdout + done.stderr).splitlines())


def compare(model: str, file: Path, settings: Settings, *, shape: ModelShape | None = None) -> Row:
    shape = shape or shape_of(read_header(file), name=model)
    return Row(model, shape.quantization, settings, memory(shape, settings), allocate(file, settings))


def rows(names: Iterable[str], quantization: str, folder: Path) -> Iterator[Row]:
    tokenizer = shapes.starter()
    for name in names:
        plan = blueprint.load()[name]
        file = folder / f"{name.replace(':', '-')}.gguf"
        shapes.write(plan, file, quantization=quantization, tokenizer=tokenizer, hollow=True)
        shape = shape_of(read_header(file), name=name)
        embeddings = shape.task in ("embedding", "reranking")
        for settings in [Settings(512, embeddings=True)] if embeddings else variations():
            predicted = memory(shape, settings)
            beside = predicted.buffers_bytes - predicted.weights_bytes  # the file's zeros take none: nothing reads them
            if beside > psutil.virtual_memory().available - RESERVE:
                sys.stdout.write(f"{name:<21} {words_of(settings)}: {beside / MIB:,.0f} MiB are not free; not loaded\n")
                continue
            yield compare(name, file, settings, shape=shape)
        file.unlink()


def words_of(s: Settings) -> str:
    what = f"{s.context_tokens}x{s.slots} {s.cache_type}{'' if s.flash_attention else ' no-flash'}"
    return what + (f" batch {s.batch_tokens}" if s.batch_tokens != 512 else "")


def line(row: Row) -> str:
    what = words_of(row.settings)
    kinds = ("weights", "cache", "recurrent", "compute", "output")
    m = row.predicted
    predicted = (m.weights_bytes, m.cache_bytes, m.state_bytes, m.compute_bytes, m.output_bytes)
    parts = [f"{p / MIB:.1f}/{row.allocated.bytes_of(k) / MIB:.1f}" for k, p in zip(kinds, predicted, strict=True)]
    return (
        f"{row.model:<21} {row.quantization:<7} {what:<26} {m.buffers_bytes / MIB:>9.1f} "
        f"{row.allocated.bytes_of() / MIB:>9.1f} {100 * row.error:>6.2f} % {100 * row.beside_weights_error:>7.2f} %  "
        + "  ".join(parts)
    )


@dataclass(frozen=True, slots=True)
class Opinion:
    """Our prediction beside llama.cpp's own, which allocates nothing."""

    model: str
    settings: Settings
    predicted: Memory
    forecast: Forecast
    twice_bytes: int = 0  # that llama.cpp's forecast counts twice, and its loading takes once

    @property
    def error(self) -> float:
        """Of the whole without the output buffer, which llama.cpp's forecast leaves out."""
        ours = self.predicted.buffers_bytes - self.predicted.output_bytes + self.twice_bytes
        return ours / MIB / max(1, self.forecast.total_mib) - 1


def second_opinion(name: str, file: Path, settings: Settings) -> Opinion:
    header = read_header(file)
    embeddings = next(tensor.size_bytes for tensor in header.tensors if tensor.name == "token_embd.weight")
    twice = embeddings if header.metadata["general.architecture"] in COUNTED_TWICE else 0
    return Opinion(name, settings, memory(shape_of(header, name=name), settings), dry_run(file, settings)[-1], twice)


def opinions(names: Iterable[str], quantization: str, folder: Path) -> Iterator[Opinion]:
    """Models of any size: their files are sparse, and nothing is allocated."""
    tokenizer = shapes.starter()
    for name in names:
        file = folder / f"{name.replace(':', '-')}.gguf"
        shapes.write(blueprint.load()[name], file, quantization=quantization, tokenizer=tokenizer, hollow=True)
        embeddings = shape_of(read_header(file), name=name).task in ("embedding", "reranking")
        for settings in [Settings(512, embeddings=True)] if embeddings else variations():
            yield second_opinion(name, file, settings)
        file.unlink()


def opinion_line(row: Opinion) -> str:
    m, f = row.predicted, row.forecast
    pairs = ((m.weights_bytes, f.model_mib), (m.cache_bytes + m.state_bytes, f.context_mib))
    parts = [f"{ours / MIB:.1f}/{theirs}" for ours, theirs in (*pairs, (m.compute_bytes, f.compute_mib))]
    told = f"{row.model:<21} {words_of(row.settings):<26} {100 * row.error:>6.2f} %  " + "  ".join(parts)
    return told + (f"  ({row.twice_bytes / MIB:.1f} counted twice there)" if row.twice_bytes else "")


def answer_speed(file: Path, threads: int) -> tuple[float, float]:
    """Measured tokens a second, the best of three: answering, and reading a prompt."""
    options = json.dumps({"file": str(file), "threads": threads})
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, options], capture_output=True, text=True, timeout=300, check=False
    )
    found = json.loads(done.stdout.rpartition("RESULT")[2])
    return max(pair[0] for pair in found), max(pair[1] for pair in found)


def speeds() -> bool:
    """Prints predicted against measured speed on this machine; close other programs first."""
    machine, tokenizer, write = app.load().machine(measure=True), shapes.starter(), sys.stdout.write
    errors = []
    write("model                 type      answer: predicted measured   error   prompt: predicted measured   error\n")
    with tempfile.TemporaryDirectory() as folder:
        for name, quantization in SPEED_MODELS:
            file = Path(folder) / "model.gguf"
            shapes.write(blueprint.load()[name], file, quantization=quantization, tokenizer=tokenizer)
            plan = make_plan(shape_of(read_header(file), name=name), machine, Wishes(context_tokens=2048))
            assert plan.speed
            measured = answer_speed(file, machine.cores)
            pairs = zip((plan.speed.answer.middle, plan.speed.prompt.middle), measured, strict=True)
            cells = [(p, m, p / m - 1) for p, m in pairs]
            errors.append(abs(cells[0][2]))
            words = "   ".join(f"{p:>17.1f} {m:>8.1f} {100 * e:>6.1f} %" for p, m, e in cells)
            write(f"{name:<21} {quantization:<8} {words}\n")
            sys.stdout.flush()
    median = statistics.median(errors)
    write(
        f"answering: median error {100 * median:.1f} % (at most 15): {'ok' if median <= SPEED_MEDIAN else 'MISSED'}\n"
    )
    return median <= SPEED_MEDIAN


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models (all whose shape is known)")
    parser.add_argument("--type", default="Q4_K_M", help="quantization (Q4_K_M)")
    parser.add_argument("--speed", action="store_true", help="compare speed instead of memory")
    parser.add_argument("--dry-run", action="store_true", help="compare with llama.cpp's own forecast; loads nothing")
    arguments = parser.parse_args()
    if arguments.speed:
        sys.exit(not speeds())
    names = arguments.names or list(blueprint.load())
    with tempfile.TemporaryDirectory() as folder:
        if arguments.dry_run:
            sys.stdout.write(
                "model                 context x slots, cache        error  weights  cache  compute (MiB)\n"
            )
            errors = shown((abs(o.error), opinion_line(o)) for o in opinions(names, arguments.type, Path(folder)))
        else:
            sys.stdout.write(HEADINGS)
            errors = shown((abs(r.error), line(r)) for r in rows(names, arguments.type, Path(folder)))
    sys.exit(not judged(errors))


HEADINGS = (
    "model                 type    context x slots, cache      predicted allocated    error  beside weights"
    "  weights  cache  states  compute  output (MiB, predicted/allocated)\n"
)


def shown(found: Iterable[tuple[float, str]]) -> list[float]:
    """Prints each line as soon as it is known, and returns the errors."""
    errors = []
    for error, text in found:
        errors.append(error)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    return errors


def judged(errors: list[float]) -> bool:
    worst, median = max(errors), statistics.median(errors)
    good = worst <= WORST and median <= MEDIAN
    words = "ok" if good else "MISSED"
    sys.stdout.write(
        f"{len(errors)} rows: worst {100 * worst:.2f} % (at most 5), median {100 * median:.2f} % (at most 1): {words}\n"
    )
    return good


if __name__ == "__main__":
    main()
