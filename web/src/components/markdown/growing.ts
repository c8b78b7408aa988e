/**
 * The blocks of a text that grows at its end. All but the last two are settled: they are never read again, so that a long
 * answer costs no more at its end than at its start.
 */
import type { Token } from "marked";
import { blocksOf, type Links } from "./grammar";

const UNSETTLED = 2; // a block may still join the one before it: `-` becomes the next item of a list

export class Growing {
  private text = "";
  private settled: Token[] = [];
  private settledLength = 0;
  private links: Links = {};
  private all: Token[] = [];
  readCharacters = 0; // in all, for the test that they do not grow with the square of the text

  /** The blocks of `text`. If it begins as the last one did, only its end is read. */
  blocks(text: string): Token[] {
    if (text === this.text) return this.all;
    if (!text.startsWith(this.text)) this.forget();
    this.text = text;
    const tail = text.slice(this.settledLength);
    const found = blocksOf(tail, this.links);
    this.readCharacters += tail.length;
    this.settle(found);
    this.all = [...this.settled, ...found];
    return this.all;
  }

  private settle(found: Token[]): void {
    let solid = found.filter((token) => token.type !== "space").length;
    while (solid > UNSETTLED) {
      const token = found[0];
      // What the reader has tidied is not where it seems to be.
      if (!token || !this.text.startsWith(token.raw, this.settledLength)) return;
      found.shift();
      if (token.type !== "space") solid -= 1;
      this.settled.push(token);
      this.settledLength += token.raw.length;
    }
  }

  private forget(): void {
    this.settled = [];
    this.settledLength = 0;
    this.links = {};
  }
}
