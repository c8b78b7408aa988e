/** Jobs as the server tells them, and what can be wanted of one. */
import { queryOptions } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Problem, request } from "@/api/client";
import { connection } from "@/api/connection";
import { events } from "@/api/events";

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

const PAUSE_MS = 500;

/** The newest of a stream of events, which is opened again where it breaks. `done` is its last. */
export function useLive<T>(path: string): { data: T | undefined; error: unknown; again: () => void } {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round more is another try
  useEffect(() => {
    const stop = new AbortController();
    setError(undefined);
    read<T>(path, stop.signal, setData).catch((problem) => !stop.signal.aborted && setError(problem));
    return () => stop.abort();
  }, [path, round]);
  return { data, error, again: () => setRound(round + 1) };
}

async function read<T>(path: string, signal: AbortSignal, told: (value: T) => void): Promise<void> {
  for (;;) {
    try {
      for await (const { event, data } of events(path, { signal })) {
        const value = JSON.parse(data);
        if (event === "error") throw new Problem(value.error.message, 500);
        told(value as T);
        if (event === "done") return;
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Problem && error.status !== 0)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    await connection.back(signal);
    signal.throwIfAborted();
  }
}
