"""What a model, a file or another person writes does nothing to the page, and makes it ask nobody."""

from playwright.sync_api import expect

from tests.api.conftest import Server
from tests.page.chats import Chats
from tests.page.conftest import Visitor

MARK = "pwned"
CORPUS = [
    f"<script>window.{MARK}=1</script>",
    f"<img src=x onerror=window.{MARK}=1>",
    f"<img src='https://evil.example/i.png' onload='window.{MARK}=1'>",
    f"<svg onload=window.{MARK}=1><script>window.{MARK}=1</script></svg>",
    f"<svg><animate onbegin=window.{MARK}=1 attributeName=x dur=1s></svg>",
    f"<iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>",
    "<iframe src='https://evil.example/'></iframe>",
    f"<details open ontoggle=window.{MARK}=1><summary>x</summary></details>",
    "<style>@import 'https://evil.example/x.css'; body{display:none}</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    f"<form action=https://evil.example/><input autofocus onfocus=window.{MARK}=1><button>go</button></form>",
    f"<a href='javascript:window.{MARK}=1'>click</a>",
    f"<object data='javascript:window.{MARK}=1'></object><embed src=https://evil.example/x.swf>",
    f"<math><mtext><table><mglyph><style><img src=x onerror=window.{MARK}=1></style></mglyph></table></mtext></math>",
    f"<noscript><p title='</noscript><img src=x onerror=window.{MARK}=1>'></noscript>",
    f"[click](javascript:window.{MARK}=1)",
    f"[click](JaVaScRiPt&colon;window.{MARK}=1)",
    f"[click](&#106;avascript:window.{MARK}=1)",
    f"[click](<java\tscript:window.{MARK}=1>)",
    f"[click](data:text/html,<script>window.{MARK}=1</script>)",
    f"[click](vbscript:window.{MARK}=1)",
    "[click](//evil.example/x)",
    "[click](/api/domov/keys)",
    f"[a]: javascript:window.{MARK}=1\n\n[click][a]",
    f"<javascript:window.{MARK}=1>",
    "![a](https://evil.example/track.png)",
    "![a](//evil.example/track.png)",
    f"![a](javascript:window.{MARK}=1)",
    f"![a](data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='parent.{MARK}=1'/>)",
    f'![a](https://evil.example/x.png"onerror="window.{MARK}=1)',
    f"```html\n<script>window.{MARK}=1</script>\n```",
    f'```"><img src=x onerror=window.{MARK}=1>\nx\n```',
    f"`<img src=x onerror=window.{MARK}=1>`",
    f"| <img src=x onerror=window.{MARK}=1> | b |\n|---|---|\n| <script>window.{MARK}=1</script> | d |",
    f"$\\href{{javascript:window.{MARK}=1}}{{x}}$",
    "$\\includegraphics{https://evil.example/x.png}$",
    "$\\htmlStyle{background:url(https://evil.example/x)}{x}$ $\\url{https://evil.example}$",
    f"$$\\text{{<img src=x onerror=window.{MARK}=1>}}$$",
    "$\\def\\a{\\a\\a}\\a$",
    "# <b onmouseover=alert(1)>x</b>",
    f"- [ ] <img src=x onerror=window.{MARK}=1>",
    f"&lt;img src=x onerror=window.{MARK}=1&gt;",
    "\u202eevil\u202c \ufeff \u0000",
    "[" * 2000 + "]" * 2000,
    "*" * 5000,
    "> " * 500 + "deep",
]
# What no text may become. The page itself has SVGs (icons) and forms nowhere in an answer.
FORBIDDEN = (
    "script, iframe, object, embed, form, style, link, base, meta, img, math:not(.katex math), "
    "svg:not(.lucide):not(.katex svg), [onerror], [onload]"
)


def test_a_corpus_of_hostile_answers_does_nothing(echo: Server, visitor: Visitor) -> None:
    chat = Chats(echo).showing("\n\n".join(CORPUS))
    page = visitor.open(echo, f"/home/chat/{chat}")
    prose = page.locator("article .prose")
    expect(prose).to_contain_text("deep")
    page.wait_for_load_state("networkidle")
    assert prose.locator(FORBIDDEN).count() == 0
    for link in prose.locator("a").all():
        assert str(link.get_attribute("href")).startswith(("https://", "http://", "mailto:"))
        assert link.get_attribute("target") == "_blank"
    assert page.evaluate(f"window.{MARK}") is None
    assert page.evaluate("document.baseURI").startswith(echo.url)


def test_each_hostile_answer_alone_does_nothing(echo: Server, visitor: Visitor) -> None:
    """One that opens something must not hide behind the one before it."""
    chats = Chats(echo)
    chat = chats.showing(CORPUS[0], question=CORPUS[0])
    for text in CORPUS[1:]:
        chats.showing(text, chat=chat, question=text)
    page = visitor.open(echo, f"/home/chat/{chat}")
    log = page.get_by_role("region", name="Conversation")
    expect(log).to_contain_text("deep")
    for _ in CORPUS:
        assert log.locator(FORBIDDEN).count() == 0
        log.press("PageUp")
    assert page.evaluate(f"window.{MARK}") is None


def test_hostile_names_are_only_words(echo: Server, visitor: Visitor) -> None:
    evil = f"<img src=x onerror=window.{MARK}=1>"
    chats = Chats(echo)
    chat, _ = chats.ask(evil)
    chats.change(chat, title=evil, folder=evil, tags=[evil], settings={"system": evil}, draft=evil)
    page = visitor.open(echo, f"/home/chat/{chat}")
    expect(page.get_by_role("region", name="Chats")).to_contain_text("onerror")
    page.get_by_role("button", name="Filter, import, export").click()
    expect(page.get_by_role("menuitem", name=evil).first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("onerror")
    expect(page.get_by_role("option", name=evil).first).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.evaluate(f"window.{MARK}") is None
