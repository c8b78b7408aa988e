"""A conversation in the terminal."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from domov import app
from domov.chats import saved
from domov.cli.answer import Answer, make_sink, print_stats
from domov.cli.errors import say
from domov.cli.run import Options, choose, load, memory_bytes, with_preset
from domov.cli.run_tools import Given, tools_of
from domov.engine.protocol import Engine
from domov.errors import BadOption, DomovError
from domov.files import make_folder
from domov.store.models import Model
from domov.types import ChatRequest, Message

FENCE = '"""'
WHOLE = ("top_k", "seed", "max_tokens")  # the rest of the parameters are fractions
PARAMETERS = ("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed", "max_tokens")
HELP = f"""\
/system TEXT     how the model is to behave; without TEXT, what is set
/set NAME VALUE  {", ".join(PARAMETERS[:4])},
                 {", ".join(PARAMETERS[4:])}; without them, what is set
/model NAME      go on with another model
/clear           forget the conversation
/save NAME       keep the conversation
/load NAME       go on with a kept one
/bye             end; so does Ctrl-D
Several lines: Alt-Enter makes a new one, or start and end with {FENCE}
Ctrl-C stops an answer, and not the program."""


@dataclass
class Conversation:
    """What changes while a person chats."""

    model: Model
    engine: Engine
    options: Options
    turns: list[Message]
    given: Given = field(default=lambda engine: engine)  # gives an engine the tools that were asked for

    def request(self) -> ChatRequest:
        system = (Message("system", self.options.system),) if self.options.system else ()
        request = ChatRequest(
            self.model.name,
            (*system, *self.turns),
            self.options.sampling,
            max_tokens=self.options.max_tokens,
        )
        return with_preset(request, self.model)


def chat(domov: app.App, model: Model, options: Options) -> None:
    """Chats until the person leaves."""
    conversation = Conversation(model, domov.open_engine(model), options, [])
    with asyncio.Runner() as runner:
        tools = AsyncExitStack()
        try:
            runner.run(load(conversation.engine))
            conversation.given = runner.run(tools.enter_async_context(tools_of(domov, options.tools)))
            say(f"{model.name}. /help lists the commands, /bye ends.")
            _talk(domov, conversation, runner)
        finally:
            runner.run(tools.aclose())
            runner.run(conversation.engine.close())


def _talk(domov: app.App, conversation: Conversation, runner: asyncio.Runner) -> None:
    session = _session(domov)
    while True:
        try:
            line = session.prompt(">>> ").strip()
            while line.startswith(FENCE) and not (line.endswith(FENCE) and len(line) >= 2 * len(FENCE)):
                line += "\n" + session.prompt("... ")
        except KeyboardInterrupt:
            say("/bye or Ctrl-D ends")
            continue
        except EOFError:
            return
        try:
            if line.startswith("/"):
                if line in ("/bye", "/exit", "/quit"):
                    return
                command(domov, conversation, runner, line)
            elif line.strip(FENCE).strip():
                _answer(conversation, runner, line.strip(FENCE).strip())
        except DomovError as error:  # said here, so that the conversation goes on
            say(f"{error.message}\n{error.hint}".strip())


def _answer(conversation: Conversation, runner: asyncio.Runner, question: str) -> None:
    """Asks, shows and remembers. What Ctrl-C leaves of an answer is remembered too."""
    conversation.turns.append(Message("user", question))
    answer = Answer()
    try:
        runner.run(answer.receive(conversation.given(conversation.engine), conversation.request(), make_sink()))
    except KeyboardInterrupt:
        say("stopped")
    except DomovError:
        conversation.turns.pop()
        raise
    conversation.turns.append(Message("assistant", answer.text))
    if conversation.options.stats:
        print_stats(answer, memory_bytes(conversation.engine))


def command(domov: app.App, conversation: Conversation, runner: asyncio.Runner, line: str) -> None:
    """Carries out one line that starts with a slash. Raises what can be wrong with it."""
    word, _, rest = line[1:].partition(" ")
    rest = rest.strip()
    commands: dict[str, Callable[[], None]] = {
        "help": lambda: say(HELP),
        "?": lambda: say(HELP),
        "clear": lambda: _clear(conversation),
        "system": lambda: _system(conversation, rest),
        "set": lambda: _set(conversation, rest),
        "model": lambda: _model(domov, conversation, runner, rest),
        "save": lambda: _save(domov, conversation, rest),
        "load": lambda: _load(domov, conversation, runner, rest),
    }
    if word not in commands:
        raise BadOption(f"no such command: /{word}", hint="/help lists them")
    commands[word]()


def _clear(conversation: Conversation) -> None:
    conversation.turns.clear()
    say("forgotten")


def _system(conversation: Conversation, text: str) -> None:
    if text:
        conversation.options = replace(conversation.options, system=text)
    say(f"system prompt: {conversation.options.system or 'none'}")


def _set(conversation: Conversation, text: str) -> None:
    name, _, value = text.partition(" ")
    if name and name not in PARAMETERS:
        raise BadOption(f"no such parameter: {name}", hint=f"there are: {', '.join(PARAMETERS)}")
    if name:
        conversation.options = _with_parameter(conversation.options, name, value.strip())
    options = conversation.options
    for key in PARAMETERS:
        now = options.max_tokens if key == "max_tokens" else getattr(options.sampling, key)
        if now is not None:
            say(f"{key} {now}")


def _with_parameter(options: Options, name: str, value: str) -> Options:
    try:
        number = int(value) if name in WHOLE else float(value)
    except ValueError as error:
        raise BadOption(f"{name} can't be {value!r}", hint="it takes a number") from error
    if name == "max_tokens":
        return replace(options, max_tokens=max(1, int(number)))
    changed: dict[str, Any] = {name: number}
    return replace(options, sampling=replace(options.sampling, **changed))


def _model(domov: app.App, conversation: Conversation, runner: asyncio.Runner, text: str) -> None:
    if not text:
        say(conversation.model.name)
        return
    model = choose(domov, text)
    engine = domov.open_engine(model)
    try:
        runner.run(load(engine))
    except BaseException:
        runner.run(engine.close())
        raise
    runner.run(conversation.engine.close())
    conversation.model, conversation.engine = model, engine
    say(f"now talking to {model.name}")


def _save(domov: app.App, conversation: Conversation, name: str) -> None:
    saved.save(_folder(domov), name, saved.Chat(conversation.model.name, conversation.request().messages))
    say(f"saved as {name}")


def _load(domov: app.App, conversation: Conversation, runner: asyncio.Runner, name: str) -> None:
    kept = saved.load(_folder(domov), name)
    if kept.model != conversation.model.name:
        _model(domov, conversation, runner, kept.model)
    system = next((m.text for m in kept.messages if m.role == "system"), None)
    conversation.options = replace(conversation.options, system=system)
    conversation.turns[:] = [m for m in kept.messages if m.role != "system"]
    for message in conversation.turns:
        say(f"{'>>> ' if message.role == 'user' else ''}{message.text}")


def _folder(domov: app.App) -> Path:
    return domov.config.home / "chats"


def _session(domov: app.App) -> "PromptSession[str]":
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    make_folder(domov.config.home)
    history = domov.config.home / "history"
    history.touch(mode=0o600)
    words = ["/help", "/system", "/set", "/model", "/clear", "/save", "/load", "/bye"]
    return PromptSession(
        history=FileHistory(str(history)),
        completer=WordCompleter(words, sentence=True),
        key_bindings=keys,
        reserve_space_for_menu=0,
    )
