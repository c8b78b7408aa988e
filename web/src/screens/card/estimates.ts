/** Figures as cards have them: a value and the interval that holds the true one in 19 of 20 cases. */
import type { TFunction } from "i18next";
import { number } from "@/app/formats";

export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface Distance {
  perplexity_ratio: Estimate;
  divergence: Estimate;
  divergence_99: number;
  most: number;
  same_top: Estimate;
}

export interface Card {
  date: string;
  machine: string;
  engine: string;
  text: string;
  text_digest: string;
  scored_tokens: number;
  size_bytes: number;
  perplexity: Estimate;
  parent: string;
  parent_digest: string;
  distance: Distance | null;
  answers: [string, { right: number; of: number; share: Estimate }][];
  speed: { reading: Estimate; writing: Estimate; prompt_tokens: number; memory_bytes: number } | null;
  notes: string[];
}

/** What a token of an answer took here so far. */
export interface Energy {
  joules_per_token: number;
  requests: number;
  estimated: boolean;
  cost_per_token: number | null;
  currency: string;
}

/** Three digits that count; more than a ten-thousandth is not claimed. */
export function short(value: number): string {
  return Math.abs(value) < 0.1
    ? number(value, { maximumFractionDigits: 4 })
    : number(value, { maximumSignificantDigits: Math.abs(value) >= 1000 ? 4 : 3 });
}

export function share(value: number): string {
  return number(value, { style: "percent", maximumFractionDigits: 1 });
}

/** `0.031 (0.028 to 0.034)`. */
export function interval(t: TFunction, estimate: Estimate, format: (value: number) => string = short): string {
  const { value, low, high } = estimate;
  return t("card:interval", { value: format(value), low: format(low), high: format(high) });
}

/** In words, how much of a difference a mean divergence is. */
export function verdict(divergence: number): "hardly" | "small" | "noticeable" | "large" | "another" {
  if (divergence < 0.01) return "hardly";
  if (divergence < 0.05) return "small";
  if (divergence < 0.15) return "noticeable";
  return divergence < 0.4 ? "large" : "another";
}
