import { expect, it } from "vitest";
import { leafBelow, pathTo, without } from "./tree";

const node = (id: string, parent_id: string | null) => ({ id, parent_id });
// q1 has two answers; under a1 the next question was edited.
const TREE = [
  node("q1", null),
  node("a1", "q1"),
  node("q2", "a1"),
  node("a2", "q2"),
  node("b1", "q1"),
  node("q3", "a1"),
  node("a3", "q3"),
];
const ids = (path: { message: { id: string } }[]) => path.map((step) => step.message.id);

it("shows the way to a leaf with the alternatives of each step", () => {
  const path = pathTo(TREE, "a3");
  expect(ids(path)).toEqual(["q1", "a1", "q3", "a3"]);
  expect(path.map((step) => step.alternatives.map((one) => one.id))).toEqual([
    ["q1"],
    ["a1", "b1"],
    ["q2", "q3"],
    ["a3"],
  ]);
});

it("shows the newest message where the leaf is gone", () => {
  expect(ids(pathTo(TREE, "deleted"))).toEqual(["q1", "a1", "q3", "a3"]);
  expect(pathTo([], null)).toEqual([]);
});

it("turns to the newest end of a branch", () => {
  expect(leafBelow(TREE, "a1")).toBe("a3");
  expect(leafBelow(TREE, "b1")).toBe("b1");
});

it("ends in spite of a circle", () => {
  const circle = [node("a", "b"), node("b", "a")];
  expect(pathTo(circle, "a")).toHaveLength(2);
  expect(leafBelow(circle, "a")).toBeTruthy();
});

it("deletes with all below", () => {
  expect(without(TREE, "q2").map((one) => one.id)).toEqual(["q1", "a1", "b1", "q3", "a3"]);
});
