/** What the frame and most screens ask: what the server offers, which models are here, what is in memory. */
import { keepPreviousData, QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { Problem, request } from "./client";

export interface Offer {
  version: string;
  name: string; // whose key it is
  scope: "inference" | "models" | "admin";
  offline: boolean;
  currency: string | null; // of limits in money; null: what work costs is not known
  features: string[]; // the parts of /api/domov that may be asked
}

export interface InstalledModel {
  id: string;
  meta?: Record<string, unknown>;
}

export interface LoadedModel {
  name: string;
  [key: string]: unknown;
}

export const offerQuery = queryOptions({
  queryKey: ["offer"],
  queryFn: ({ signal }) => request<Offer>("/api/domov/page", { signal }),
  staleTime: 60_000,
});

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: async ({ signal }) => (await request<{ data: InstalledModel[] }>("/v1/models", { signal })).data,
  staleTime: 10_000,
  placeholderData: keepPreviousData,
});

export const loadedQuery = queryOptions({
  queryKey: ["loaded"],
  queryFn: async ({ signal }) => (await request<{ models: LoadedModel[] }>("/api/domov/loaded", { signal })).models,
  staleTime: 5_000,
});

export function useOffer(): Offer | undefined {
  return useQuery(offerQuery).data;
}

const SCOPES = ["inference", "models", "admin"];

/** Whether the caller's key gives at least that scope. */
export function covers(offer: Offer, scope: Offer["scope"]): boolean {
  return SCOPES.indexOf(offer.scope) >= SCOPES.indexOf(scope);
}

/** What the server refuses stays refused; what it did not answer is asked again when it is back. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (count, error) => !(error instanceof Problem) && count < 2,
      refetchOnWindowFocus: true,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
