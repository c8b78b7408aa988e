/** What the server says by name, in the words of the language that is shown; what has none is shown as it is. */
import type { TFunction } from "i18next";
import { bytes, number, seconds } from "@/app/formats";
import type { Job, Step } from "./jobs";

/** The text of a key that is made of a name, or of the first such key that has one; else the name’s own words. */
export function said(t: TFunction, key: string | string[], otherwise: string): string {
  return t(key, { defaultValue: otherwise });
}

export function kindTitle(t: TFunction, kind: string): string {
  return said(t, `kinds.${kind}.title`, kind);
}

/** `12 MB of 48 MB, 5 s left`. */
export function stepText(t: TFunction, step: Step): string {
  const count = (value: number) => (step.unit === "bytes" ? bytes(value) : number(value));
  if (!step.total) return step.done ? count(step.done) : "";
  const unit = step.unit === "bytes" ? "" : ` ${said(t, `units.${step.unit}`, step.unit)}`;
  const text = t("progress.of", { done: count(step.done), total: count(step.total) }) + unit;
  return step.seconds_left === null ? text : `${text}, ${t("progress.left", { time: seconds(step.seconds_left) })}`;
}

/** What the server says in English while it works, as patterns; what is in none stays as it is. */
const SENTENCES: readonly [RegExp, string][] = [
  [/^quantizing to (.+?)(?:, from (\d+) % on)?$/, "plain.quantizing"],
  [/^(.+): reading the text$/, "plain.readingText"],
  [/^(.+): answering questions$/, "plain.answering"],
  [/^(.+): measuring its speed$/, "plain.speed"],
  [/^reading the model$/, "plain.readingModel"],
  [/^reading what matters$/, "plain.matters"],
  [/^checking$/, "plain.checking"],
  [/^unpacking$/, "plain.unpacking"],
  [/^trying types$/, "plain.types"],
  [/^sounding$/, "plain.sounding"],
  [/^asking (.+)$/, "plain.asking"],
  [/^trying (.+)$/, "plain.trying"],
  [/^downloading$/, "plain.downloading"],
  [/^cancelled$/, "plain.cancelled"],
  [/^it gives way to an answer$/, "plain.givesWay"],
  [/^(.+) of memory are needed, (.+) are free$/, "plain.memory"],
  [/^(.+) is here already and will be replaced$/, "plain.replaced"],
  [/^(.+) is quantized already \((.+)\): /, "plain.quantized"],
  [/^made from weights that were quantized already: /, "plain.fromQuantized"],
];

export function plain(t: TFunction, words: string): string {
  for (const [pattern, key] of SENTENCES) {
    const found = pattern.exec(words);
    if (found) return t(key, { a: found[1] ?? "", b: found[2] ?? "", context: found[2] ? "b" : "" });
  }
  return words;
}

export const TONE_OF: Record<Job["status"], "quiet" | "accent" | "good" | "warn" | "bad"> = {
  queued: "quiet",
  running: "accent",
  paused: "warn",
  cancelling: "quiet",
  done: "good",
  failed: "bad",
  cancelled: "quiet",
};
