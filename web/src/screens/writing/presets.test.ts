import { describe, expect, it } from "vitest";
import { biasesOf, biasText, PRESETS, presetOf, withPreset } from "./presets";

describe("presets", () => {
  it("change the controls and nothing else", () => {
    const options = withPreset({ temperature: 0.1, top_k: 3, max_tokens: 8 }, PRESETS.bold ?? {});
    expect(options).toEqual({ max_tokens: 8, ...PRESETS.bold });
    expect(presetOf(options, PRESETS)).toBe("bold");
  });

  it("are the model's own where nothing is set, and none where something else is", () => {
    expect(presetOf({ max_tokens: 8 }, PRESETS)).toBe("model");
    expect(presetOf({ temperature: 0.11 }, PRESETS)).toBe("");
  });
});

describe("liked and disliked words", () => {
  it("are a line each", () => {
    expect(biasesOf("kotel = 2\n drak = -1.5\nnikdy\n\n= 3")).toEqual([
      ["kotel", 2],
      [" drak", -1.5],
      ["nikdy", false],
    ]);
  });

  it("come back as they were written", () => {
    const text = "kotel = 2\nnikdy";
    expect(biasText(biasesOf(text))).toBe(text);
    expect(biasText(undefined)).toBe("");
  });
});
