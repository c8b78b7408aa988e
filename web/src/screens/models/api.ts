/** What the server tells of models: here, in memory, on their way, and to be had. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { query, request } from "@/api/client";

export interface Share {
  device: string;
  weights_bytes: number;
  cache_bytes: number;
  compute_bytes: number;
  free_bytes: number;
}

interface Range {
  low: number;
  middle: number;
  high: number;
}

export type Verdict = "fits" | "tight" | "disk" | "no";

export interface Plan {
  verdict: Verdict;
  needed_bytes: number;
  context_tokens: number;
  devices: Share[];
  speed: { answer: Range; prompt: Range; measured: boolean } | null;
}

export interface Loaded {
  model: string;
  state: "loading" | "idle" | "running";
  memory_bytes: number;
  planned_bytes: number;
  context_tokens: number;
  running: number;
  waiting: number;
  expires_in_seconds: number | null;
}

export interface Installed {
  name: string;
  size_bytes: number;
  licence: string;
  verified: string;
  added: string;
  path: string | null;
  source: { kind: string; location: string; file: string };
  lineage: { parent: string; how: string; recipe: string } | null;
  has_card: boolean;
  has_preset: boolean;
  loaded: Loaded | null;
  problem: string;
  architecture?: string;
  parameters?: number;
  quantization?: string;
  trained_context_tokens?: number;
  task?: "chat" | "embedding" | "reranking";
  chats?: boolean;
  plan: Plan | null;
}

export interface Entry {
  name: string;
  source: string;
  parameters: number;
  download_bytes: number;
  context_tokens: number;
  licence: string;
  purpose: string;
}

export interface Offer {
  task: "chat" | "code" | "languages" | "embedding" | "rerank";
  entry: Entry;
  plan: Plan;
  rough: boolean;
  best: boolean;
}

export interface Variant {
  name: string;
  file: string;
  quantization: string;
  size_bytes: number;
  quality: string;
  rough: boolean;
  best: boolean;
  here: boolean;
  plan: Plan;
}

export interface Repository {
  name: string;
  licence: string;
  downloads: number;
  likes: number;
  updated: string;
  gated: boolean;
  quantizations: string[];
}

export interface Download {
  id: string;
  model: string;
  state: "waiting" | "running" | "paused" | "done" | "failed";
  done_bytes: number;
  total_bytes: number | null;
  step: string;
  error: string;
  hint: string;
  bytes_per_second: number;
  seconds_left: number | null;
}

export interface Parameters {
  model: string;
  system: string;
  parameters: Record<string, number | string | string[]>;
  allowed: Record<string, { kind: "int" | "float" | "str"; least: number; most: number }>;
}

const OWN = "/api/domov";

export const installedQuery = queryOptions({
  queryKey: ["models", "own"],
  queryFn: async ({ signal }) => (await request<{ models: Installed[] }>(`${OWN}/models`, { signal })).models,
  staleTime: 2_000,
  refetchInterval: 5_000,
});

export const offersQuery = queryOptions({
  queryKey: ["offers"],
  queryFn: ({ signal }) => request<{ class: string; offers: Offer[] }>(`${OWN}/fit`, { signal }),
  staleTime: 60_000,
});

/** Asks the hub, through the server. */
export const searchQuery = (text: string) =>
  queryOptions({
    queryKey: ["hub", text],
    queryFn: async ({ signal }) =>
      (await request<{ repositories: Repository[] }>(`${OWN}/search${query({ query: text })}`, { signal }))
        .repositories,
    staleTime: 300_000,
    refetchOnWindowFocus: false,
    placeholderData: keepPreviousData,
  });

/** Asks the hub, through the server. */
export const variantsQuery = (model: string) =>
  queryOptions({
    queryKey: ["variants", model],
    queryFn: ({ signal }) =>
      request<{ model: string; licence: string; variants: Variant[] }>(`${OWN}/variants${query({ model })}`, {
        signal,
      }),
    staleTime: 300_000,
    refetchOnWindowFocus: false,
  });

export const parametersQuery = (model: string) =>
  queryOptions({
    queryKey: ["parameters", model],
    queryFn: ({ signal }) => request<Parameters>(`${OWN}/parameters${query({ model })}`, { signal }),
    staleTime: 0,
  });

const post = (path: string, body?: unknown) => request<unknown>(OWN + path, { method: "POST", body: body ?? {} });

export const load = (model: string) => post("/load", { model });
export const unload = (model: string) => post("/unload", { model });
export const remove = (model: string) => request<unknown>(`${OWN}/models${query({ model })}`, { method: "DELETE" });
export const fetchModel = (model: string) => post("/downloads", { model });
export const pause = (id: string) => post(`/downloads/${id}/pause`);
export const resume = (id: string) => post(`/downloads/${id}/resume`);
export const moveBefore = (id: string, before: string | null) => post(`/downloads/${id}/move`, { before });
export const cancel = (id: string) => request<unknown>(`${OWN}/downloads/${id}`, { method: "DELETE" });
export const setParameters = (body: Pick<Parameters, "model" | "system" | "parameters">) =>
  request<Parameters>(`${OWN}/parameters`, { method: "PUT", body });
