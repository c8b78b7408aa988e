import { describe, expect, it } from "vitest";
import { type Offer, pace, threeOf } from "./choosing";

function offer(name: string, more: Partial<Offer> & { bytes?: number; verdict?: string; speed?: number } = {}): Offer {
  const answer = { low: more.speed ?? 10, high: more.speed ?? 10 };
  return {
    task: more.task ?? "chat",
    best: more.best ?? false,
    entry: { name, purpose: "", download_bytes: more.bytes ?? 1e9, licence: "", parameters: 1e9 },
    plan: {
      verdict: more.verdict ?? "fits",
      needed_bytes: 1e9,
      speed: more.speed === 0 ? null : { answer, prompt: answer, measured: false },
    },
  };
}

describe("the first three models", () => {
  it("are the best, the one for many languages and the smallest, each once", () => {
    const small = offer("small", { bytes: 9e7 });
    const found = threeOf([
      offer("huge", { best: true, verdict: "no" }),
      offer("big", { best: true, bytes: 1e10 }),
      offer("big", { best: true, task: "languages", bytes: 1e10 }),
      offer("polyglot", { task: "languages" }),
      small,
      offer("other"),
    ]);
    expect(found.map(({ role, offer }) => [role, offer.entry.name])).toEqual([
      ["best", "big"],
      ["languages", "polyglot"],
      ["quick", "small"],
    ]);
  });

  it("are fewer where fewer run", () => {
    expect(threeOf([offer("only", { best: true })]).map(({ role }) => role)).toEqual(["best"]);
    expect(threeOf([])).toEqual([]);
  });
});

it("tells speed by how fast people read", () => {
  expect([2, 8, 50].map((speed) => pace(offer("x", { speed })))).toEqual(["slow", "reading", "fast"]);
  expect(pace(offer("x", { speed: 0 }))).toBeNull();
});
