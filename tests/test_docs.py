"""The documentation says what is there, all of it, and what it shows works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from domov import app, config, errors
from domov.api import server
from domov.api.anthropic import errors as anthropic_errors
from domov.api.anthropic import request as anthropic
from domov.api.errors import STATUS
from domov.api.kobold import fields as kobold_fields
from domov.api.kobold import routes as kobold
from domov.api.llamacpp import completion
from domov.api.llamacpp import routes as llamacpp
from domov.api.lmstudio import downloads, loading
from domov.api.lmstudio import request as lmstudio
from domov.api.ollama import bodies, fields, routes, storing
from domov.api.ollama.messages import ChatMessage
from domov.api.openai import batches, chat, completions, fim, native, transcriptions, vectors
from domov.api.openai import fields as openai_fields
from domov.api.openai.responses import body
from domov.cli import errors as cli_errors
from domov.cli.main import COMMANDS
from tests.api.conftest import serving
from tests.conftest import domov

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WRITTEN = "\n".join(p.read_text("utf-8") for p in PAGES if p.name != "CHANGELOG.md")


def code_blocks(path: Path, language: str = r"\w*") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_pages_that_list_things_are_fresh() -> None:
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"## {name}\n" in WRITTEN
    assert f"domov {name}" in WRITTEN or f"`{name}`" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("setting", [f.name for f in config.SETTINGS])
def test_every_setting_is_documented(setting: str) -> None:
    assert f"`{setting}`" in WRITTEN and f"`DOMOV_{setting.upper()}`" in WRITTEN


def test_every_route_is_documented() -> None:
    api = server.create(app.App(config.load({"DOMOV_HOME": "/nowhere"})))
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    routes = {f"{method.upper()} {path}" for path, methods in api.openapi()["paths"].items() for method in methods}
    assert len(routes) >= 4
    assert [route for route in sorted(routes) if f"`{route}`" not in page] == []


def test_every_field_of_a_request_is_documented() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    kinds: tuple[type[BaseModel], ...] = (chat.ChatBody, completions.CompletionBody, fim.FimBody, native.InfillBody)
    kinds += (vectors.EmbeddingBody, vectors.RerankBody, native.TokenizeBody, native.DetokenizeBody)
    kinds += (completion.CompletionBody, completion.PromptObject, llamacpp.EmbeddingBody)
    names = {*(name for kind in kinds for name in kind.model_fields), *chat.UNSUPPORTED, *completion.UNSUPPORTED}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_field_of_responses_files_batches_and_transcriptions_is_documented() -> None:
    _, _, page = (ROOT / "docs" / "api.md").read_text("utf-8").partition("## Responses")
    names = body.ResponseBody.model_fields.keys() - openai_fields.TextBody.model_fields.keys()
    names |= {*body.UNSUPPORTED, *body.IGNORED, *batches.BatchBody.model_fields, "purpose", "expires_after"}
    names |= {*transcriptions.FIELDS, *transcriptions.UNSUPPORTED, *transcriptions.IGNORED}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_field_of_anthropics_requests_is_documented() -> None:
    _, _, page = (ROOT / "docs" / "api.md").read_text("utf-8").partition("## Anthropic")
    kinds: tuple[type[BaseModel], ...] = (anthropic.MessagesBody, anthropic.ToolBody)
    names = {*(name for kind in kinds for name in kind.model_fields), *anthropic.UNSUPPORTED}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_field_of_lm_studios_requests_is_documented() -> None:
    _, _, page = (ROOT / "docs" / "api.md").read_text("utf-8").partition("## LM Studio")
    kinds: tuple[type[BaseModel], ...] = (lmstudio.ChatBody, loading.LoadBody, loading.UnloadBody)
    kinds += (downloads.DownloadBody,)
    names = {name for kind in kinds for name in kind.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_field_of_ollamas_requests_is_documented() -> None:
    _, _, page = (ROOT / "docs" / "api.md").read_text("utf-8").partition("## Ollama")
    kinds: tuple[type[BaseModel], ...] = (bodies.GenerateBody, bodies.ChatBody, bodies.EmbedBody, bodies.EmbeddingBody)
    kinds += (fields.Options, fields.Named, ChatMessage, routes.CopyBody, routes.ShowBody)
    kinds += (storing.PullBody, storing.CreateBody)
    names = {field.alias or name for kind in kinds for name, field in kind.model_fields.items()}
    names |= {*bodies.GENERATE_UNSUPPORTED, *bodies.CHAT_UNSUPPORTED, *storing.CREATE_UNSUPPORTED}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_field_of_kobolds_requests_is_documented() -> None:
    _, _, page = (ROOT / "docs" / "api.md").read_text("utf-8").partition("## KoboldCpp")
    kinds: tuple[type[BaseModel], ...] = (
        kobold_fields.GenerateBody,
        kobold.KeyBody,
        kobold.CountBody,
        kobold.DetokenizeBody,
    )
    kinds += (kobold.EmbeddingBody, kobold.StoryBody, kobold.ReloadBody)
    names = {name for kind in kinds for name in kind.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


STATUSES = sorted(
    {*(s for _, s in STATUS), *(s for _, s, _ in anthropic_errors.STATUS), 401, 403, 405, 413, 415, 429, 431, 501}
)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_the_api_is_documented(status: int) -> None:
    assert f"| {status} | " in (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.mark.parametrize("status", re.findall(r"^(\d+) ", cli_errors.__doc__ or "", re.MULTILINE))
def test_every_exit_status_is_documented(status: str) -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    assert re.search(rf"\b{status} (when|after)", page)


@pytest.mark.parametrize("error", [name for name in dir(errors) if isinstance(getattr(errors, name), type)])
def test_every_error_is_documented(error: str) -> None:
    assert f"`{error}`" in (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")


def test_the_errors_docstring_draws_the_whole_tree() -> None:
    drawn = set(re.findall(r"^ {4} *(\w+)", errors.__doc__ or "", re.MULTILINE))
    assert drawn == {name for name in dir(errors) if isinstance(getattr(errors, name), type)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_two_readmes_say_the_same() -> None:
    english, czech = ROOT / "README.md", ROOT / "README.cs.md"
    assert code_blocks(english) == code_blocks(czech)
    for pattern in (r"^#+ ", r"^\| "):
        counts = [len(re.findall(pattern, p.read_text("utf-8"), re.MULTILINE)) for p in (english, czech)]
        assert counts[0] == counts[1]


def test_the_readme_opens_with_the_two_commands() -> None:
    first = code_blocks(ROOT / "README.md")[0].splitlines()
    assert [line.split()[:2] for line in first] == [["make", "run"], ["make", "test"]]


SHOWN = [
    line.removeprefix("$ ") for b in code_blocks(ROOT / "docs" / "quickstart.md", "console") for line in b.splitlines()
]


@pytest.mark.parametrize("command", SHOWN)
def test_commands_of_the_quick_start_work(command: str, home: Path) -> None:
    program, *arguments = command.split()
    assert program == "domov"
    done = domov(home, *arguments)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/api.md"])
def test_python_that_is_shown_works(page: str, starter_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = code_blocks(ROOT / page, "python")
    with serving(starter_home) as running:
        exec(code.replace("http://127.0.0.1:36668", running.url), {})
    assert len(capsys.readouterr().out) > 10
