import { describe, expect, it } from "vitest";

type Words = { [key: string]: string | Words };
const files = import.meta.glob<Words>("./*/*.json", { import: "default", eager: true });
const sources = import.meta.glob<string>("../**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
const languages = [...new Set(Object.keys(files).map((path) => path.split("/")[1] as string))];
// What English lacks is said by the server, as the settings are: tests of the server look after those.
const parts = Object.keys(files).flatMap((path) => (path.startsWith("./en/") ? [path.split("/")[2] as string] : []));
const PLURAL = /_(zero|one|two|few|many|other)$/;

function keysOf(words: Words | undefined, before = ""): string[] {
  return Object.entries(words ?? {}).flatMap(([key, value]) =>
    typeof value === "string" ? [`${before}${key}`] : keysOf(value, `${before}${key}.`),
  );
}

const without = (keys: string[]) => [...new Set(keys.map((key) => key.replace(PLURAL, "")))].sort();

describe.each(parts)("%s", (part) => {
  const english = files[`./en/${part}`];

  it.each(languages)("has every text in %s", (language) => {
    expect(without(keysOf(files[`./${language}/${part}`]))).toEqual(without(keysOf(english)));
  });

  it.each(languages)("has all plurals of %s", (language) => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    const keys = keysOf(files[`./${language}/${part}`]);
    for (const stem of new Set(keys.filter((key) => PLURAL.test(key)).map((key) => key.replace(PLURAL, "")))) {
      expect(keys.filter((key) => key.replace(PLURAL, "") === stem).map((key) => key.split("_").pop())).toEqual(
        expect.arrayContaining(forms.filter((form) => form !== "many" || language !== "en")),
      );
    }
  });
});

describe("texts that the code asks for", () => {
  const known = new Set(Object.values(files).flatMap((words) => without(keysOf(words))));

  it.each(Object.keys(sources).filter((path) => !path.endsWith(".test.ts")))("are there: %s", (path) => {
    const asked = [...(sources[path] ?? "").matchAll(/\bt\(\s*"([\w.:]+)"/g)].map((match) =>
      (match[1] as string).replace(/^\w+:/, ""),
    );
    expect(asked.filter((key) => !known.has(key))).toEqual([]);
  });
});
