/** What the server tells of the machine that it runs on. */
import { queryOptions } from "@tanstack/react-query";
import { query, request } from "@/api/client";
import type { Loaded } from "@/screens/models/api";

export interface Gpu {
  name: string;
  description: string;
  total_bytes: number;
  free_bytes: number;
  unified: boolean;
  driver: string | null;
  celsius: number | null;
  watts_limit: number | null;
}

export interface Machine {
  cpu: string;
  cores: number;
  ram_bytes: number;
  free_ram_bytes: number;
  limited_by: string;
  gpus: Gpu[];
  disk: { total_bytes: number; free_bytes: number; kind: string | null; bytes_per_second: number | null } | null;
  speeds: { memory_bytes_per_second: number } | null;
  size_class: "small" | "medium" | "large" | null;
  class: string;
  precision: string;
  upgrades: string[];
  advice: { name: string; words: string; values: Record<string, number | string> }[];
}

export interface CardUse {
  name: string;
  used_bytes: number | null;
  total_bytes: number | null;
  busy_share: number | null;
  celsius: number | null;
  watts: number | null;
}

export interface Sample {
  at: number;
  busy_share: number;
  own_share: number;
  used_bytes: number;
  total_bytes: number;
  watts: number | null;
  cards: CardUse[];
}

export interface Use {
  samples: Sample[];
  models: Loaded[];
  energy_unknown: string;
}

export const machineQuery = queryOptions({
  queryKey: ["machine"],
  queryFn: ({ signal }) => request<Machine>("/api/domov/machine", { signal }),
  staleTime: 60_000,
});

export const samplesSince = (since: number, signal: AbortSignal) =>
  request<Use>(`/api/domov/machine/use${query({ since: since || null })}`, { signal });
