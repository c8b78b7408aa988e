import { expect, it } from "vitest";
import { EventParser } from "./events";

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
