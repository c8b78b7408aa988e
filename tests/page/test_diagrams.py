"""Diagrams that a model wrote are drawn, in a frame that may do nothing, and shown as pictures."""

import re

import httpx2
from playwright.sync_api import Page, expect

from tests.api.conftest import Server
from tests.page.chats import Chats
from tests.page.conftest import Look, Visitor, axe

FLOW = "flowchart LR\n  A[Rain] --> B{Cold?}\n  B -- yes --> C[Snow]\n  B -- no --> D[Rain stays]"
KINDS = [
    FLOW,
    "sequenceDiagram\n  Eva->>Domov: a question\n  Domov-->>Eva: an answer",
    "classDiagram\n  Animal <|-- Dog\n  class Dog { +bark() }",
    "stateDiagram-v2\n  [*] --> Asleep\n  Asleep --> Awake: morning",
    "erDiagram\n  PERSON ||--o{ CHAT : has",
    "gantt\n  dateFormat YYYY-MM-DD\n  section House\n  Roof :a1, 2026-01-01, 30d",
    'pie title Time\n  "asleep" : 8\n  "awake" : 16',
    "gitGraph\n  commit\n  branch b\n  commit",
    "timeline\n  2025 : a plan\n  2026 : a house",
    "quadrantChart\n  x-axis Cheap --> Dear\n  y-axis Slow --> Quick\n  Domov: [0.1, 0.9]",
    "xychart-beta\n  x-axis [a, b]\n  bar [1, 2]",
]
HOSTILE = [
    'flowchart LR\n  A["<img src=x onerror=parent.pwned=1>"] --> B["<script>parent.pwned=1</script>"]',
    'flowchart LR\n  A --> B\n  click A "javascript:parent.pwned=1"\n  click B call alert()',
    'flowchart LR\n  A["![x](https://evil.example/x.png)"]',
    "%%{init: {'securityLevel': 'loose', 'themeCSS': '@import url(https://evil.example/x.css)'}}%%\nflowchart\n  A-->B",
    "flowchart LR\n  A\n  style A fill:url(https://evil.example/x)",
    'flowchart LR\n  A@{ img: "https://evil.example/x.png", label: "x" }',
]


def shown(texts: list[str]) -> str:
    return "\n\n".join(f"```mermaid\n{text}\n```" for text in texts)


def sizes(page: Page) -> list[int]:
    """The widths of the pictures as they came; 0 is a picture that could not be read."""
    widths: list[int] = page.locator("img.diagram").evaluate_all("all => all.map(one => one.naturalWidth)")
    return widths


def test_diagrams_of_every_kind_are_pictures(echo: Server, visitor: Visitor, look: Look) -> None:
    chat = Chats(echo).showing(shown(KINDS))
    for theme in ("dark", "light"):
        page = visitor.open(echo, f"/home/chat/{chat}", theme=theme)
        expect(page.locator("img.diagram")).to_have_count(len(KINDS))
        page.wait_for_function("[...document.querySelectorAll('img.diagram')].every(one => one.complete)")
        assert min(sizes(page)) > 50
        assert axe(page) == []
        page.locator("img.diagram").first.scroll_into_view_if_needed()
        look(page, f"diagram-en-{theme}")


def test_a_diagram_is_also_its_code(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo, f"/home/chat/{Chats(echo).showing(shown([FLOW]))}")
    picture = page.get_by_role("img", name="Diagram: flowchart LR")
    expect(picture).to_be_visible()
    page.get_by_role("button", name="Code").click()
    expect(page.locator("figure.code pre")).to_contain_text("A[Rain] --> B{Cold?}")
    expect(picture).to_have_count(0)
    page.get_by_role("button", name="Diagram").click()
    expect(picture).to_be_visible()


def test_what_is_no_diagram_stays_text(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo, f"/home/chat/{Chats(echo).showing(shown(['flowchart LR', 'A -> -> B', FLOW]))}")
    expect(page.locator("figcaption", has_text="it can't be drawn")).to_have_count(1)
    expect(page.locator("figure.code pre", has_text="A -> -> B")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Rain"))).to_be_visible()  # the next one is not lost by it


def test_hostile_diagrams_do_nothing(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo, f"/home/chat/{Chats(echo).showing(shown([*HOSTILE, FLOW]))}")
    watched = visitor.watched(page)
    watched.expected = ("Content Security Policy",)  # the frame wanted it, and may not
    settled = page.locator("img.diagram").or_(page.locator("figcaption", has_text="it can't be drawn"))
    expect(settled).to_have_count(len(HOSTILE) + 1)
    assert page.evaluate("window.pwned") is None
    assert page.locator("main svg:not(.lucide)").count() == 0
    assert watched.foreign == []


def test_the_frame_of_diagrams_may_do_nothing(echo: Server, visitor: Visitor) -> None:
    answer = httpx2.get(f"{echo.url}/diagram")
    policy = answer.headers["content-security-policy"]
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts and re.fullmatch(r"'sha256-\S+' 'sha256-\S+'", scripts[1])
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    page = visitor.open(echo, f"/home/chat/{Chats(echo).showing(shown([FLOW]))}")
    expect(page.get_by_role("img", name=re.compile("Rain"))).to_be_visible()
    frame = next(frame for frame in page.frames if frame.url.endswith("/diagram"))
    assert frame.evaluate("self.origin") == "null"
    visitor.watched(page).expected = ("Content Security Policy",)
    asked = "fetch('/api/domov/chats').then(() => 'answered', () => 'refused')"
    assert frame.evaluate(asked) == "refused"


def test_pages_without_a_diagram_load_nothing_for_them(echo: Server, visitor: Visitor) -> None:
    chat = Chats(echo).showing("```python\nprint(1)\n```")
    page = visitor.open(echo, f"/home/chat/{chat}")
    expect(page.locator("figure.code")).to_be_visible()
    assert page.locator("iframe").count() == 0
