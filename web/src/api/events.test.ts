import { afterEach, expect, it, vi } from "vitest";
import { Problem } from "./client";
import { connection } from "./connection";
import { EventParser, events } from "./events";

afterEach(() => {
  vi.unstubAllGlobals();
  connection.found();
});

/** An answer that says `said` and then breaks off, as a connection does. */
function breaking(said: string): void {
  let told = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (told) controller.error(new TypeError("network error"));
      else controller.enqueue(new TextEncoder().encode(said));
      told = true;
    },
  });
  vi.stubGlobal("fetch", async () => new Response(body));
}

async function heard(signal?: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for await (const { data } of events("/some/events", signal ? { signal } : {})) found.push(data);
  return found;
}

const all = (...pieces: string[]) => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => [...parser.feed(piece)]);
};

it("reads events with their names and numbers", () => {
  expect(all('event: delta\nid: 3\ndata: {"a":1}\n\n: ping\n\ndata: x\ndata: y\n\n')).toEqual([
    { event: "delta", data: '{"a":1}', id: "3" },
    { event: "message", data: "x\ny", id: "3" },
  ]);
});

it("reads events that come in pieces, wherever they are cut", () => {
  const text = "event: delta\r\ndata: one\r\n\r\ndata: two\r\n\r\n";
  for (let at = 0; at <= text.length; at++) {
    expect(all(text.slice(0, at), text.slice(at)).map((event) => event.data)).toEqual(["one", "two"]);
  }
});

it("gives nothing for an event that has not ended", () => {
  expect(all("data: half\n")).toEqual([]);
});

it("tells of a stream that breaks as of a server that does not answer", async () => {
  breaking("data: one\n\n");
  const problem = await heard().catch((error) => error);
  expect(problem).toBeInstanceOf(Problem);
  expect(problem.status).toBe(0);
  expect(connection.state).toBe("away");
});

it("tells of a stream that was ended here as what it is", async () => {
  breaking("data: one\n\n");
  const problem = await heard(AbortSignal.abort()).catch((error) => error);
  expect(problem).not.toBeInstanceOf(Problem);
  expect(connection.state).toBe("here");
});
