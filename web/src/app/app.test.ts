import { expect, it } from "vitest";
import { matching } from "./commands";
import { matches } from "./shortcuts";

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

it("finds commands by words in any order and without accents", () => {
  const commands = [{ label: "Nový rozhovor" }, { label: "Vzhled: Tmavý", detail: "prohlížeč" }];
  expect(matching("novy", commands)).toEqual([commands[0]]);
  expect(matching("tmavy prohlizec", commands)).toEqual([commands[1]]);
  expect(matching("", commands)).toEqual(commands);
});
