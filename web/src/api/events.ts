/** Server-sent events of an answer, one by one. `EventSource` can't send a key, so they are read from a stream. */
import { type Asked, ask, Problem } from "./client";
import { connection } from "./connection";

export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

/** Throws Problem as `ask` does, with status 0 also where the stream breaks; ends when the stream ends. */
export async function* events(path: string, asked: Asked = {}): AsyncGenerator<ServerEvent> {
  const answer = await ask(path, { ...asked, accept: "text/event-stream" });
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        if (asked.signal?.aborted) throw error;
        connection.lost();
        throw new Problem("", 0, "unreachable");
      });
      if (done) return;
      yield* parser.feed(value);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** The grammar of https://html.spec.whatwg.org/multipage/server-sent-events.html, without `retry`. */
export class EventParser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id = "";

  *feed(text: string): Generator<ServerEvent> {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.data.length) yield { event: this.event || "message", data: this.data.join("\n"), id: this.id };
        this.event = "";
        this.data = [];
      } else if (!line.startsWith(":")) {
        this.field(line);
      }
    }
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.event = value;
    else if (name === "id") this.id = value;
  }
}
