/**
 * Markdown as models write it: GitHub's, with formulas (`$…$`, `$$…$$`, `\(…\)`, `\[…\]`) and numbers of sources (`[1]`).
 * Only tokens are made, never HTML: what is drawn of them is decided in `Markdown.tsx`.
 */
import { Marked, type Token, type Tokens } from "marked";

export interface Formula extends Tokens.Generic {
  type: "formula";
  text: string;
  display: boolean;
}

export interface Citation extends Tokens.Generic {
  type: "citation";
  number: number;
}

const INLINE_FORMULA = /^\$(?!\s)((?:\\.|[^\\$\n])+?)(?<!\s)\$(?!\d)|^\\\((.+?)\\\)|^\$\$([^$]+?)\$\$/s;
const BLOCK_FORMULA = /^ {0,3}(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/;
const CITATION = /^\[(\d{1,3})\](?![([:])/;

const marked = new Marked({
  gfm: true,
  extensions: [
    {
      name: "formula",
      level: "block",
      start: (text: string) => text.match(/^ {0,3}(?:\$\$|\\\[)/m)?.index,
      tokenizer(text: string): Formula | undefined {
        const found = BLOCK_FORMULA.exec(text);
        return found ? formula(found[0], found[1] ?? found[2] ?? "", true) : undefined;
      },
    },
    {
      name: "inlineFormula",
      level: "inline",
      start: (text: string) => text.match(/\$|\\\(/)?.index,
      tokenizer(text: string): Formula | undefined {
        const found = INLINE_FORMULA.exec(text);
        if (!found) return undefined;
        return formula(found[0], found[1] ?? found[2] ?? found[3] ?? "", found[3] !== undefined);
      },
    },
    {
      name: "citation",
      level: "inline",
      start: (text: string) => text.match(/\[\d/)?.index,
      tokenizer(text: string): Citation | undefined {
        const found = CITATION.exec(text);
        return found ? { type: "citation", raw: found[0], number: Number(found[1]) } : undefined;
      },
    },
  ],
});

function formula(raw: string, text: string, display: boolean): Formula {
  return { type: "formula", raw, text: text.trim(), display };
}

export type Links = Record<string, { href: string | null; title: string | null }>;

/** The blocks of a text. links: those that were defined before it; what it defines is added. */
export function blocksOf(text: string, links: Links = {}): Token[] {
  const lexer = new marked.Lexer(marked.defaults);
  lexer.tokens.links = links as typeof lexer.tokens.links;
  return [...lexer.lex(text)];
}
