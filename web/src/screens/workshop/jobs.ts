/** Jobs as the server tells them, and what can be wanted of one. */
import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";

export type Status = "queued" | "running" | "paused" | "cancelling" | "done" | "failed" | "cancelled";
export const FINISHED: readonly Status[] = ["done", "failed", "cancelled"];
export const TRIABLE: readonly Status[] = ["paused", "failed", "cancelled"];

export interface Step {
  step: string;
  done: number;
  total: number | null;
  unit: string;
  seconds_left: number | null;
}

export interface Curve {
  figure: string;
  step: string;
  unit: string;
  points: [number, number][];
}

/** A job as the list has it. */
export interface Job {
  id: number;
  kind: string;
  title: string;
  status: Status;
  created_at: number;
  ended_at: number | null;
  seconds: number;
  attempts: number;
  parameters: Record<string, unknown>;
  pausing: "held" | "left";
  again: string;
  progress: Step | null;
  fraction: number | null;
  waiting: string;
  models: string[];
  error: { message: string; hint: string } | null;
}

export interface WholeJob extends Job {
  log: { at: number; words: string }[];
  curves: Curve[];
  found: Record<string, unknown> | null;
}

export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  items?: Schema;
  $ref?: string;
  minimum?: number;
  maximum?: number;
}

export interface Parameters {
  properties: Record<string, Schema>;
  required?: string[];
}

export interface Kind {
  kind: string;
  words: string;
  lane: "work" | "network";
  pausing: "held" | "left";
  again: string;
  parameters: Parameters & { $defs?: Record<string, Parameters> };
}

export interface Forecast {
  title: string;
  needs: { memory_bytes: number; disk_bytes: number };
  seconds: number | null;
  measured: boolean;
  waits: string;
  doubts: string[];
}

export const JOBS = "/api/domov/jobs";

export const kindsQuery = queryOptions({
  queryKey: ["jobs", "kinds"],
  queryFn: async ({ signal }) => (await request<{ kinds: Kind[] }>(`${JOBS}/kinds`, { signal })).kinds,
  staleTime: Number.POSITIVE_INFINITY,
});

export function want(id: number, verb: "pause" | "resume" | "cancel"): Promise<WholeJob> {
  return request<WholeJob>(`${JOBS}/${id}/${verb}`, { method: "POST" });
}

export function forget(id: number): Promise<unknown> {
  return request(`${JOBS}/${id}`, { method: "DELETE" });
}
