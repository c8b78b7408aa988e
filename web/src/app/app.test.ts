import { expect, it } from "vitest";
import { matching } from "./commands";
import { matches, taken } from "./shortcuts";

const event = (key: string, held: Partial<Record<"ctrlKey" | "metaKey" | "shiftKey" | "altKey", boolean>> = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...held,
});

it("hears a shortcut with exactly its keys", () => {
  expect(matches("Mod+K", event("k", { ctrlKey: true }))).toBe(true);
  expect(matches("Mod+K", event("k", { metaKey: true }))).toBe(true);
  expect(matches("Mod+K", event("k"))).toBe(false);
  expect(matches("Mod+K", event("K", { ctrlKey: true, shiftKey: true }))).toBe(false);
  expect(matches("Mod+Shift+O", event("O", { ctrlKey: true, shiftKey: true }))).toBe(true);
});

it("hears a sign however the keyboard makes it", () => {
  expect(matches("?", event("?", { shiftKey: true }))).toBe(true);
  expect(matches("/", event("/"))).toBe(true);
});

const shortcut = (keys: string, whileWriting: boolean, does = true) => ({
  keys,
  label: keys,
  whileWriting,
  run: (): false | undefined => (does ? undefined : false),
});

it("leaves a key to the browser where one writes or where there is nothing to do", () => {
  const undo = event("z", { ctrlKey: true });
  const [here, writing] = [
    { writing: false, below: false },
    { writing: true, below: false },
  ];
  expect(taken(undo, [shortcut("Mod+Z", false)], here)).toBe(true);
  expect(taken(undo, [shortcut("Mod+Z", false)], writing)).toBe(false);
  expect(taken(undo, [shortcut("Mod+Z", true)], writing)).toBe(true);
  expect(taken(undo, [shortcut("Mod+Z", true, false)], writing)).toBe(false);
  expect(taken(undo, [shortcut("Mod+Z", true), shortcut("Mod+Z", true, false)], writing)).toBe(true);
});

it("leaves plain keys to what lies above the page", () => {
  const above = { writing: false, below: true };
  expect(taken(event("Escape"), [shortcut("Escape", true)], above)).toBe(false);
  expect(taken(event("k", { ctrlKey: true }), [shortcut("Mod+K", true)], above)).toBe(true);
});

it("finds commands by words in any order and without accents", () => {
  const commands = [{ label: "Nový rozhovor" }, { label: "Vzhled: Tmavý", detail: "prohlížeč" }];
  expect(matching("novy", commands)).toEqual([commands[0]]);
  expect(matching("tmavy prohlizec", commands)).toEqual([commands[1]]);
  expect(matching("", commands)).toEqual(commands);
});
