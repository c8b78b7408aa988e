import { expect, it } from "vitest";
import { orderOf, turnsOf } from "./columns";

const message = (id: string, parent_id: string | null, model: string | null = null) => ({
  id,
  parent_id,
  model,
  content: id,
  role: (model ? "assistant" : "user") as "assistant" | "user",
});

const MESSAGES = [
  message("q", null),
  message("a", "q", "A"),
  message("b", "q", "B"),
  message("q-a", "a"),
  message("q-b", "b"),
  message("a2", "q-a", "A"),
];

it("has a row for each question and a column for each model", () => {
  const ids = turnsOf(MESSAGES, ["B", "A"]).map((turn) => [
    turn.question.id,
    ...turn.answers.map((one) => one?.id ?? null),
  ]);
  expect(ids).toEqual([
    ["q", "b", "a"],
    ["q-b", null, "a2"],
  ]);
});

it("shows the newest of several answers of one model", () => {
  const [turn] = turnsOf([...MESSAGES, message("b'", "q", "B")], ["A", "B"]);
  expect(turn?.answers.map((one) => one?.id)).toEqual(["a", "b'"]);
});

it("has no turns before the first question", () => {
  expect(turnsOf([], ["A", "B"])).toEqual([]);
});

it("hides in a blind comparison which model is which, always in the same way", () => {
  const models = ["one", "two", "three"];
  const orders = new Set(Array.from({ length: 50 }, (_, at) => orderOf(models, `chat_${at}`, true).join()));
  expect(orders.size).toBeGreaterThan(3);
  expect(orderOf(models, "chat_1", true)).toEqual(orderOf(models, "chat_1", true));
  expect(orderOf(models, "chat_1", false)).toEqual(models);
});
