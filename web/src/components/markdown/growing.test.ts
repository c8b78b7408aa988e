import { expect, it } from "vitest";
import { blocksOf } from "./grammar";
import { Growing } from "./growing";

const TEXT = `# Title

A paragraph with **bold**, \`code\`, $x^2$ and [1].

- one
- two

  more of two
- three

\`\`\`python
print("- no list")

print(1)
\`\`\`

| a | b |
|---|---|
| 1 | 2 |

$$
e = mc^2
$$

1. first
2. second

> quoted
> twice

See [there][x].

[x]: https://example.org

The end.
`;

const shape = (text: string) => blocksOf(text).map((token) => [token.type, token.raw]);

it("gives the same blocks letter by letter as all at once", () => {
  const growing = new Growing();
  for (let end = 1; end <= TEXT.length; end++) {
    const part = TEXT.slice(0, end);
    expect(growing.blocks(part).map((token) => [token.type, token.raw])).toEqual(shape(part));
  }
  expect(growing.blocks(TEXT).map((token) => [token.type, token.raw])).toEqual(shape(TEXT));
});

it("reads a long text about once, not once for every piece", () => {
  const growing = new Growing();
  const paragraph = `${"Words that go on and on, as they do in answers. ".repeat(8)}\n\n`;
  const long = paragraph.repeat(100);
  for (let end = 40; end <= long.length; end += 40) growing.blocks(long.slice(0, end));
  const half = growing.readCharacters;
  expect(half / long.length).toBeLessThan(40);
  const begun = growing.readCharacters;
  growing.blocks(`${long}${paragraph}`);
  expect(growing.readCharacters - begun).toBeLessThan(4 * paragraph.length);
});

it("begins anew with another text", () => {
  const growing = new Growing();
  growing.blocks(TEXT);
  expect(growing.blocks("other").map((token) => token.raw)).toEqual(["other"]);
});

it("tells formulas from prices", () => {
  const inline = (text: string) => {
    const [paragraph] = blocksOf(text);
    return (paragraph && "tokens" in paragraph ? (paragraph.tokens ?? []) : []).map((token) => token.type);
  };
  expect(inline("It costs $5 and $6.")).toEqual(["text"]);
  expect(inline("So $x^2$ it is.")).toEqual(["text", "formula", "text"]);
  expect(inline("So \\(x\\) it is [2].")).toEqual(["text", "formula", "text", "citation", "text"]);
  expect(blocksOf("\\[\nx\n\\]\n")[0]?.type).toBe("formula");
});
