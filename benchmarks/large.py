"""Models of a thousand million parameters and more, of true shapes with random weights: `python -m benchmarks.large`.

Decoding beside xllamacpp's own server, and as a share of the physical limit: all weights are read from memory
for each token, so a machine writes at most bandwidth / weights tokens a second.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import shapes
from benchmarks.client import Answer, Question, ask
from benchmarks.engine import OUT, STARTER, Stage, keep, stage_for
from benchmarks.table import Row, Wanted, as_text, compared
from benchmarks.texts import STORY
from benchmarks.turns import compare, in_turn
from domov.hardware.bandwidth import measure_bandwidth
from domov.hardware.cpu import read_cpu
from domov.store import blueprint
from domov.store.gguf import read_header
from domov.store.shape import shape_of

MODELS = ("tinyllama:1.1b", "mistral:7b")
QUANTIZATION = "Q4_0"


def made(name: str, folder: Path) -> Path:
    """The file of that shape, made if it is not there."""
    path = folder / f"{name.replace(':', '-')}-{QUANTIZATION}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sys.stderr.write(f"making {path} ...\n")
        unfinished = path.with_suffix(".part")
        shapes.write(blueprint.load()[name], unfinished, quantization=QUANTIZATION, tokenizer=shapes.starter())
        unfinished.rename(path)
    return path


def decoding(stage: Stage, name: str, *, tokens: int, rounds: int) -> Row:
    question, cores = Question(STORY, tokens=tokens), read_cpu().usable_cores
    bandwidths: list[float] = []

    def ours() -> Answer:
        bandwidths.append(measure_bandwidth(cores).bytes_per_second)
        return ask(stage.ours.address, question)

    sides = in_turn(ours, lambda: ask(stage.theirs, question), rounds)
    speeds = compare(*([answer.decoding_speed for answer in side] for side in sides))
    row = compared(f"decoding, {name} {QUANTIZATION}", Wanted(1.0), speeds)
    read = shape_of(read_header(stage.model), name=name).read_bytes
    share = statistics.median(speeds.ours) * read / statistics.median(bandwidths)
    limit = f"{100 * share:.0f} % of what {statistics.median(bandwidths) / 1e9:.1f} GB/s allow"
    return Row(row.what, row.wanted, row.figure, speeds, note=limit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large")
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL", help="names of blueprints")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the model files, the JSON and the picture")
    options = parser.parse_args()
    subprocess.run([sys.executable, "-m", "domov", "pull", STARTER], check=True)  # its tokenizer is taken
    rows = []
    for name in options.models:
        with stage_for(str(made(name, options.out).absolute()), quick=False) as stage:
            rows.append(decoding(stage, name, tokens=options.tokens, rounds=options.rounds))
    sys.stdout.write(as_text(rows))
    keep(rows, options.out, name="large", model=", ".join(options.models), quick=False)
    sys.exit(not all(row.good for row in rows))


if __name__ == "__main__":
    main()
