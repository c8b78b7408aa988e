/** How the next token is chosen: the controls there are, and sets of them that are known to work. */
import type { Options } from "./story";

export interface Control {
  name: string;
  min: number;
  max: number;
  step: number;
  off: string; // what holds where nothing is set, as it is written in the box
}

export const GROUPS: readonly { name: string; controls: readonly Control[] }[] = [
  {
    name: "choice",
    controls: [
      { name: "temperature", min: 0, max: 2, step: 0.05, off: "0.8" },
      { name: "min_p", min: 0, max: 1, step: 0.01, off: "0.05" },
      { name: "top_p", min: 0, max: 1, step: 0.01, off: "0.95" },
      { name: "top_k", min: 0, max: 200, step: 1, off: "40" },
      { name: "typical_p", min: 0, max: 1, step: 0.01, off: "1" },
      { name: "top_n_sigma", min: 0, max: 5, step: 0.1, off: "–" },
    ],
  },
  {
    name: "repetition",
    controls: [
      { name: "repeat_penalty", min: 1, max: 1.5, step: 0.01, off: "1" },
      { name: "repeat_last_n", min: 0, max: 4096, step: 16, off: "64" },
      { name: "presence_penalty", min: -2, max: 2, step: 0.05, off: "0" },
      { name: "frequency_penalty", min: -2, max: 2, step: 0.05, off: "0" },
      { name: "dry_multiplier", min: 0, max: 5, step: 0.05, off: "0" },
      { name: "dry_base", min: 1, max: 4, step: 0.05, off: "1.75" },
      { name: "dry_allowed_length", min: 1, max: 20, step: 1, off: "2" },
    ],
  },
  {
    name: "variety",
    controls: [
      { name: "xtc_probability", min: 0, max: 1, step: 0.01, off: "0" },
      { name: "xtc_threshold", min: 0, max: 0.5, step: 0.01, off: "0.1" },
      { name: "dynatemp_range", min: 0, max: 2, step: 0.05, off: "0" },
      { name: "dynatemp_exponent", min: 0, max: 4, step: 0.05, off: "1" },
      { name: "mirostat", min: 0, max: 2, step: 1, off: "0" },
      { name: "mirostat_tau", min: 0, max: 10, step: 0.1, off: "5" },
      { name: "mirostat_eta", min: 0, max: 1, step: 0.01, off: "0.1" },
    ],
  },
];

export const NAMES: readonly string[] = GROUPS.flatMap((group) => group.controls.map((control) => control.name));

/** Sets of controls by their name in words (`presets.NAME`). */
export const PRESETS: Record<string, Options> = {
  model: {},
  steady: { temperature: 0.5, min_p: 0.1, repeat_penalty: 1.05 },
  lively: { temperature: 1, min_p: 0.05, dry_multiplier: 0.8 },
  bold: { temperature: 1.2, min_p: 0.03, dry_multiplier: 0.8, xtc_probability: 0.5, xtc_threshold: 0.1 },
};

/** The options with another set of controls; what is no control of a set stays. */
export function withPreset(options: Options, preset: Options): Options {
  const kept = Object.entries(options).filter(([name]) => !NAMES.includes(name));
  return { ...Object.fromEntries(kept), ...preset };
}

export function presetOf(options: Options, presets: Record<string, Options>): string {
  const set = Object.keys(options).filter((name) => NAMES.includes(name));
  const same = ([, preset]: [string, Options]) =>
    set.length === Object.keys(preset).length && set.every((name) => options[name] === preset[name]);
  return Object.entries(presets).find(same)?.[0] ?? "";
}

const OWN = "domov.writing.presets";

/** The sets that were given a name in this browser. */
export function ownPresets(): Record<string, Options> {
  try {
    return JSON.parse(localStorage.getItem(OWN) ?? "{}") as Record<string, Options>;
  } catch {
    return {};
  }
}

export function keepPreset(name: string, options: Options): void {
  const set = Object.fromEntries(Object.entries(options).filter(([key]) => NAMES.includes(key)));
  try {
    localStorage.setItem(OWN, JSON.stringify({ ...ownPresets(), [name]: set }));
  } catch {
    // a browser that keeps nothing
  }
}

/** `word = -5` a line each, as the pairs that the server takes; `word` alone forbids. */
export function biasesOf(text: string): [string, number | false][] {
  return text
    .split("\n")
    .map((line): [string, number | false] => {
      const [, word = "", value] = /^(.*?)(?:=\s*([-+]?[\d.]+)\s*)?$/.exec(line) ?? [];
      return [value === undefined ? word : word.trimEnd(), value === undefined ? false : Number(value)];
    })
    .filter(([word, value]) => word.trim() && !Number.isNaN(value));
}

export function biasText(biases: unknown): string {
  if (!Array.isArray(biases)) return "";
  return biases.map(([word, value]) => (value === false ? word : `${word} = ${value}`)).join("\n");
}
