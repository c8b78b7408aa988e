/** What the server tells of what was used, and of what left this computer. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { query, request } from "@/api/client";

export interface Amount {
  requests: number;
  failed: number;
  prompt_tokens: number;
  cached_tokens: number;
  answer_tokens: number;
  seconds: number;
  measured: number;
  joules: number | null;
  cost: number | null;
}

export type DayRow = Amount & { day: string };
export type ModelRow = Amount & { model: string };
export type PersonRow = Amount & { person: string; name: string };

export interface Usage {
  since: string;
  until: string;
  energy_estimated: boolean;
  currency: string;
  total: Amount;
  day: DayRow[];
  model: ModelRow[];
  person: PersonRow[];
}

export interface Connection {
  time: string;
  reason: string;
  why: string;
  host: string;
  path: string;
  outcome: string;
  sent_bytes: number;
  received_bytes: number | null;
}

export interface Sum {
  name: string;
  count: number;
  refused: number;
  received_bytes: number;
  sent_bytes: number;
}

export interface Ledger {
  connections: Connection[];
  count: number;
  reasons: Sum[];
  hosts: Sum[];
}

export interface Offline {
  offline: boolean;
  fixed: boolean;
}

export const usageQuery = (days: number) =>
  queryOptions({
    queryKey: ["usage", days],
    queryFn: ({ signal }) => request<Usage>(`/api/domov/usage${query({ days })}`, { signal }),
    staleTime: 5_000,
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  });

export const PAGE = 20;

export const ledgerQuery = (reason: string, skip: number) =>
  queryOptions({
    queryKey: ["ledger", reason, skip],
    queryFn: ({ signal }) =>
      request<Ledger>(`/api/domov/connections${query({ reason, skip, limit: PAGE })}`, { signal }),
    staleTime: 2_000,
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  });

export const offlineQuery = queryOptions({
  queryKey: ["offline"],
  queryFn: ({ signal }) => request<Offline>("/api/domov/offline", { signal }),
  staleTime: 5_000,
});

export const setOffline = (offline: boolean) =>
  request<Offline>("/api/domov/offline", { method: "PUT", body: { offline } });
