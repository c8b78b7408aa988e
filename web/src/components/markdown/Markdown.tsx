/**
 * What a model wrote, drawn block by block. No HTML is ever made of it: every element here is one that React creates
 * from a token, HTML in the text stays text, addresses are checked, and pictures of others are shown as links.
 */
import { ExternalLink, ImageOff } from "lucide-react";
import type { Token, Tokens } from "marked";
import { createContext, Fragment, lazy, memo, type ReactNode, Suspense, useContext, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Code } from "./Code";
import { decoded } from "./entities";
import type { Citation, Formula } from "./grammar";
import { Growing } from "./growing";

const FormulaBox = lazy(() => import("./FormulaBox"));
const PART = 20;
const DATA_IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[\w+/=\s]+$/;

/** Draws the number of a source; without it `[1]` stays text. */
export const CitationContext = createContext<((number: number, raw: string) => ReactNode) | null>(null);

export const Markdown = memo(function Markdown({ text, live = false }: { text: string; live?: boolean }) {
  const growing = useRef<Growing>(null);
  growing.current ??= new Growing();
  const blocks = growing.current.blocks(text);
  const parts = [];
  let level = 1;
  for (let at = 0; at < blocks.length; at += PART) {
    const tokens = blocks.slice(at, at + PART);
    parts.push(<Part key={at} tokens={tokens} level={level} live={live && at + PART >= blocks.length} />);
    level = levels(tokens, level).at(-1) ?? level;
  }
  return (
    <div className="prose" data-live={live || undefined}>
      {parts}
    </div>
  );
});

/** Some blocks that follow each other: of a long answer only the last ones are looked at anew. */
const Part = memo(
  function Part({ tokens, level, live }: { tokens: Token[]; level: number; live: boolean }) {
    const at = levels(tokens, level);
    return (
      <div className="part">
        {tokens.map((token, n) => (
          <Block key={n} token={token} live={live && n === tokens.length - 1} level={at[n]} />
        ))}
      </div>
    );
  },
  (a, b) =>
    a.level === b.level &&
    a.live === b.live &&
    a.tokens.length === b.tokens.length &&
    a.tokens.every((token, n) => token === b.tokens[n]),
);

/** That each title has, or would have: they stand below those of the page, and no level is left out. */
function levels(tokens: Token[], before: number): number[] {
  let level = before;
  return tokens.map((token) => {
    if (token.type === "heading") level = Math.min(token.depth + 1, level + 1, 6);
    return level;
  });
}

interface Drawn {
  token: Token;
  live?: boolean;
  level?: number;
}

const same = (a: Drawn, b: Drawn) =>
  a.token.raw === b.token.raw && a.token.type === b.token.type && a.live === b.live && a.level === b.level;

const Block = memo(function Block({ token, live, level }: Drawn): ReactNode {
  switch (token.type) {
    case "paragraph":
      return <p>{inline(token.tokens)}</p>;
    case "text":
      return <p>{token.tokens ? inline(token.tokens) : decoded(token.text)}</p>;
    case "heading":
      return <Heading token={token as Tokens.Heading} level={level ?? 6} />;
    case "code":
      return <Code text={token.text} language={token.lang ?? ""} live={live ?? false} />;
    case "list":
      return <List token={token as Tokens.List} live={live ?? false} />;
    case "table":
      return <TableBlock token={token as Tokens.Table} />;
    case "blockquote":
      return (
        <blockquote>
          <Blocks tokens={token.tokens ?? []} />
        </blockquote>
      );
    case "hr":
      return <hr />;
    case "formula":
      return <FormulaToken token={token as Formula} />;
    case "html":
      return <p className="whitespace-pre-wrap">{token.raw.trim()}</p>;
    case "space":
    case "def":
      return null;
    default:
      return <p>{token.raw}</p>;
  }
}, same);

function Blocks({ tokens }: { tokens: Token[] }) {
  return tokens.map((token, at) => <Block key={at} token={token} />);
}

function Heading({ token, level }: { token: Tokens.Heading; level: number }) {
  const Tag = (["h2", "h3", "h4", "h5", "h6"] as const)[level - 2] ?? "h6";
  return <Tag>{inline(token.tokens)}</Tag>;
}

function List({ token, live }: { token: Tokens.List; live: boolean }) {
  const items = token.items.map((item, at) => (
    <Item key={at} token={item} live={live && at === token.items.length - 1} loose={token.loose} />
  ));
  return token.ordered ? <ol start={token.start === "" ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

const Item = memo(
  function Item({ token, live, loose }: { token: Tokens.ListItem; live: boolean; loose: boolean }) {
    const { t } = useTranslation();
    const last = token.tokens.length - 1;
    return (
      <li className={token.task ? "task" : undefined}>
        {token.task && <input type="checkbox" checked={token.checked ?? false} disabled aria-label={t("task")} />}
        {token.tokens.map((child, at) =>
          child.type === "text" && !loose ? (
            <Fragment key={at}>{child.tokens ? inline(child.tokens) : decoded(child.text)}</Fragment>
          ) : (
            <Block key={at} token={child} live={live && at === last} />
          ),
        )}
      </li>
    );
  },
  (a, b) => same(a, b) && a.loose === b.loose,
);

function TableBlock({ token }: { token: Tokens.Table }) {
  const { t } = useTranslation();
  const side = (at: number) => (token.align[at] ? { textAlign: token.align[at] } : undefined);
  return (
    <section className="table" tabIndex={0} aria-label={t("tableOf")}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, at) => (
              <th key={at} scope="col" style={side(at)}>
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, at) => (
            <Row key={at} cells={row} side={side} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

const Row = memo(
  function Row({
    cells,
    side,
  }: {
    cells: Tokens.TableCell[];
    side: (at: number) => { textAlign: "center" | "left" | "right" } | undefined;
  }) {
    return (
      <tr>
        {cells.map((cell, at) => (
          <td key={at} style={side(at)}>
            {inline(cell.tokens)}
          </td>
        ))}
      </tr>
    );
  },
  (a, b) => a.cells.length === b.cells.length && a.cells.every((cell, at) => cell.text === b.cells[at]?.text),
);

function inline(tokens: Token[] | undefined): ReactNode {
  return tokens?.map((token, at) => <Fragment key={at}>{span(token)}</Fragment>);
}

function span(token: Token): ReactNode {
  switch (token.type) {
    case "text":
      return token.tokens ? inline(token.tokens) : decoded(token.text);
    case "strong":
      return <strong>{inline(token.tokens)}</strong>;
    case "em":
      return <em>{inline(token.tokens)}</em>;
    case "del":
      return <del>{inline(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link href={token.href}>{inline(token.tokens)}</Link>;
    case "image":
      return <Picture href={token.href} text={token.text} />;
    case "formula":
      return <FormulaToken token={token as Formula} />;
    case "citation":
      return <CitationToken token={token as Citation} />;
    case "escape":
      return token.text;
    case "html":
      return /^<br\s*\/?>$/i.test(token.raw) ? <br /> : token.raw;
    default:
      return token.raw;
  }
}

/** An address that may be opened, else null. */
export function safeAddress(href: string): string | null {
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null; // relative ones would lead into this server
  }
}

function Link({ href, children }: { href: string; children: ReactNode }) {
  const address = safeAddress(href);
  if (!address) return children;
  return (
    <a href={address} title={address} target="_blank" rel="noopener noreferrer nofollow" referrerPolicy="no-referrer">
      {children}
    </a>
  );
}

function Picture({ href, text }: { href: string; text: string }) {
  const { t } = useTranslation();
  if (DATA_IMAGE.test(href)) return <img src={href} alt={text} />;
  const address = safeAddress(href);
  return (
    <span className="blocked">
      <ImageOff size={15} aria-hidden />
      {text || t("picture")}
      {address && (
        <a
          href={address}
          target="_blank"
          rel="noopener noreferrer nofollow"
          referrerPolicy="no-referrer"
          title={address}
        >
          {t("pictureBlocked", { host: new URL(address).host })}
          <ExternalLink size={13} aria-hidden />
        </a>
      )}
    </span>
  );
}

function FormulaToken({ token }: { token: Formula }) {
  const plain = <code>{token.raw}</code>;
  return (
    <Suspense fallback={plain}>
      <FormulaBox text={token.text} display={token.display} fallback={plain} />
    </Suspense>
  );
}

function CitationToken({ token }: { token: Citation }) {
  const draw = useContext(CitationContext);
  return draw ? draw(token.number, token.raw) : token.raw;
}
