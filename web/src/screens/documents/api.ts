/** What the server tells of the user's documents. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { query, request } from "@/api/client";

export interface Collection {
  name: string;
  shared: boolean; // everybody may search it
  changeable: boolean; // by who looks at it
  paused: boolean;
  roots: string[];
  waiting: number;
  read: number;
  failed: number;
  waiting_bytes: number;
  passages: number;
  embedded: number;
  failures: { path: string; reason: string }[];
}

export interface FileRow {
  id: number;
  file: string;
  path: string;
  size_bytes: number;
  state: "waiting" | "read" | "failed";
  reason: string;
}

export interface Stage {
  step: string; // looking, reading, embedding, or who is waited for
  done: number;
  left: number;
  seconds_left: number | null;
  name: string;
}

export interface Status {
  collections: Collection[];
  stage: Stage | null;
  problem: string;
}

export interface Passage {
  passage: number;
  score: number;
  ranks: Record<string, number>;
  cosine: number | null;
  relevance: number | null;
  file: string;
  path: string;
  collection: string;
  title: string;
  titles: string[];
  text: string;
  page: number | null;
  line: number | null;
}

const OWN = "/api/domov/documents";
const BUSY_MS = 1000;
const IDLE_MS = 5000;

export const statusQuery = queryOptions({
  queryKey: ["documents"],
  queryFn: ({ signal }) => request<Status>(OWN, { signal }),
  staleTime: 500,
  refetchInterval: ({ state }) => (state.data && busy(state.data) ? BUSY_MS : IDLE_MS),
});

export const searchQuery = (text: string, collection: string) =>
  queryOptions({
    queryKey: ["documents", "search", text, collection],
    queryFn: async ({ signal }) => {
      const body = { query: text, count: 10, collections: collection ? [collection] : [] };
      return (await request<{ references: Passage[] }>(`${OWN}/search`, { method: "POST", body, signal })).references;
    },
    staleTime: 10_000,
  });

export const aroundQuery = (passage: number) =>
  queryOptions({
    queryKey: ["documents", "passage", passage],
    queryFn: async ({ signal }) =>
      (await request<{ passages: Passage[] }>(`${OWN}/passages/${passage}${query({ around: 2 })}`, { signal }))
        .passages,
  });

export const filesQuery = (name: string) =>
  infiniteQueryOptions({
    queryKey: ["documents", "files", name],
    queryFn: ({ signal, pageParam }) =>
      request<{ files: FileRow[]; next: number | null }>(`${named(name)}/files${query({ after: pageParam })}`, {
        signal,
      }),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
  });

/** Something is read, waits to be read, or has just been added. */
function busy({ stage, collections }: Status): boolean {
  return stage !== null || collections.some((one) => !one.paused && (one.waiting > 0 || one.read + one.failed === 0));
}

const named = (name: string) => `${OWN}/${encodeURIComponent(name)}`;

export const pause = (name: string, paused: boolean) =>
  request<unknown>(`${named(name)}/pause`, { method: "POST", body: { paused } });
export const remove = (name: string) => request<unknown>(named(name), { method: "DELETE" });
export const share = (name: string, shared: boolean) =>
  request<unknown>(`${named(name)}/share`, { method: "POST", body: { shared } });
export const retry = (name: string) => request<unknown>(`${named(name)}/retry`, { method: "POST", body: {} });
export const drop = (name: string, file: string) =>
  request<unknown>(`${named(name)}/files/${encodeURIComponent(file)}`, { method: "DELETE" });
export const addFolder = (name: string, path: string) =>
  request<unknown>(OWN, { method: "POST", body: { name, paths: [path] } });
export interface Refused {
  file: string;
  problem: unknown;
}

/** One after the other, which is quicker than all at once; those that were refused stop no other. */
export async function sendAll(name: string, files: readonly File[]): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (const file of files) await send(name, file).catch((problem) => refused.push({ file: file.name, problem }));
  return refused;
}

const send = (name: string, file: File) => {
  const form = new FormData();
  form.set("file", file);
  return request<unknown>(`${named(name)}/files`, { method: "POST", body: form });
};
