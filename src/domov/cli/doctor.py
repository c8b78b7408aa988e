import importlib.metadata
import platform
from dataclasses import asdict, replace
from pathlib import Path

import click

from domov import app
from domov.api.advice import advice as advice_for
from domov.api.advice import native_server
from domov.app import App
from domov.cli.errors import say
from domov.cli.output import json_option, print_fields, print_json, print_sentence
from domov.config import Config
from domov.errors import DomovError
from domov.hardware.cpu import Cpu, read_cpu
from domov.hardware.machine import Gpu, Machine
from domov.hardware.machine import save as save_machine
from domov.hardware.survey import measured_disk
from domov.sizing.advice import class_words, precision_words, upgrades
from domov.units import human_bytes


@click.command()
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the machine to a file.")
@click.option("--no-measure", is_flag=True, help="Do not measure this machine's speed if it is not known yet.")
@json_option
def doctor(save: Path | None, no_measure: bool, as_json: bool) -> None:
    """Show what this machine has and can do, where things are kept, and what could be better.

    Its speed is measured once, in some seconds, and kept in machine.json; delete that file to have it measured again.
    """
    domov = app.load()
    if not no_measure:
        say("looking at this machine (its speed is measured once, some seconds) ...")
    config, machine, cpu = domov.config, domov.machine(measure=not no_measure), read_cpu()
    machine = replace(machine, disk=measured_disk(machine.disk, _a_model(domov)))
    advice = [one.words for one in advice_for(config, machine)]
    if save:
        save_machine(machine, save)
    if as_json:
        print_json(
            {
                "system": platform.platform(),
                "python": platform.python_version(),
                "cpu": {**asdict(cpu), "usable_cores": cpu.usable_cores},
                "machine": asdict(machine),
                "class": class_words(machine),
                "precision": precision_words(machine),
                "upgrades": upgrades(machine),
                "engine": {"name": config.engine, "xllamacpp": _engine(), "llama_server": native_server(config)},
                "home": str(config.home),
                "advice": advice,
            }
        )
        return
    print_fields(
        [
            ("system", f"{platform.platform()}, Python {platform.python_version()}"),
            ("processor", _cpu_words(cpu)),
            ("memory", _memory_words(machine)),
            ("disk", _disk_words(machine, config)),
            *_graphics(machine),
            ("speed", _speed_words(machine)),
            ("llama.cpp", f"xllamacpp {_engine()}; uses {_features(machine.features)}"),
            ("llama-server", native_server(config) or "none found (it is not needed)"),
            ("offline", "on: nothing may leave this machine" if config.offline else "off"),
            ("kept in", str(config.home)),
        ]
    )
    click.echo()
    print_sentence(f"this is {class_words(machine)}")
    print_sentence(f"{precision_words(machine)}; `domov fit` shows what runs best")
    for line in upgrades(machine):
        print_sentence(f"more would bring: {line}")
    for line in advice:
        print_sentence(f"could be better: {line}")


def _cpu_words(cpu: Cpu) -> str:
    words = f"{cpu.name or 'unknown'}, {cpu.physical} cores for Domov ({cpu.logical} threads)"
    return words + (f", limited to {cpu.quota:g} by its container" if cpu.quota is not None else "")


def _memory_words(machine: Machine) -> str:
    words = f"{human_bytes(machine.free_ram_bytes)} free of {human_bytes(machine.ram_bytes)}"
    return words + (f", by {machine.limited_by}" if machine.limited_by else "")


def _disk_words(machine: Machine, config: Config) -> str:
    disk = machine.disk
    if disk is None:
        return "unknown"
    speed = f", reads {human_bytes(disk.bytes_per_second)}/s (measured)" if disk.bytes_per_second else ""
    kind = f", {disk.kind}" if disk.kind else ", kind unknown"
    return f"{human_bytes(disk.free_bytes)} free of {human_bytes(disk.total_bytes)}{kind}{speed}, at {config.home}"


def _graphics(machine: Machine) -> list[tuple[str, str]]:
    cards = [("graphics", _card_words(gpu)) for gpu in machine.gpus]
    return cards or [("graphics", "none that llama.cpp sees: models run on the processor")]


def _card_words(gpu: Gpu) -> str:
    words = [
        f"{gpu.description or gpu.name} ({gpu.name}), {human_bytes(gpu.free_bytes)} free of "
        f"{human_bytes(gpu.total_bytes)}",
        f"driver {gpu.driver}" if gpu.driver else "",
        f"{gpu.celsius:.0f} °C" if gpu.celsius is not None else "",
        f"at most {gpu.watts_limit:.0f} W" if gpu.watts_limit is not None else "",
    ]
    return ", ".join(filter(None, words)) + f" (from {gpu.source})"


def _speed_words(machine: Machine) -> str:
    speeds = machine.speeds
    if speeds is None:
        return "not measured"
    words = f"memory {human_bytes(speeds.memory_bytes_per_second)}/s"
    if decode := speeds.decode_bytes_per_second.get("Q4_K"):
        words += f"; Q4_K weights {human_bytes(decode)}/s for an answer"
    if prompt := speeds.prompt_products_per_second.get("Q4_K"):
        words += f", {prompt / 1e9:.3g} billion products/s for a prompt"
    return f"{words} (measured)"


def _features(text: str) -> str:
    used = [part.partition("=")[0].strip() for part in text.split("|") if part.strip().endswith("= 1")]
    return " ".join(word.rpartition(":")[2].strip() for word in used) or "nothing known"


def _a_model(domov: App) -> Path | None:
    """The largest model here: something to measure the disk with."""
    try:
        paths = [m.path for m in domov.models.all() if m.path.is_file()]
    except DomovError:
        return None
    return max(paths, key=lambda p: p.stat().st_size, default=None)


def _engine() -> str:
    return importlib.metadata.version("xllamacpp")
