/** A story as the server tells it, and all that is asked of it. */
import { query, request } from "@/api/client";

export interface WorldEntry {
  id: string; // the page's own
  keys: string[];
  also: string[];
  text: string;
  constant: boolean;
  enabled: boolean;
}

export interface StorySettings {
  memory: string;
  note: string;
  note_depth: number;
  world: WorldEntry[];
  scan_tokens: number;
  alternatives: number; // likely tokens told beside each; 0: none
}

export type Options = Record<string, unknown>;

export interface Settings {
  options?: Options;
  story?: Partial<StorySettings> | null;
  [key: string]: unknown;
}

export interface StoryChat {
  id: string;
  title: string;
  model: string | null;
  settings: Settings;
  updated_at: number;
}

export interface Story {
  title: string;
  text: string;
  current: string | null;
  undo: { current: string | null } | null;
  redo: { current: string } | null;
  alternatives: string[];
  running: string | null;
  seq: number | null;
}

export interface Piece {
  id: string;
  content: string;
  status: string;
  error: { message: string; hint: string } | null;
  stats: { answer_tokens: number; tokens_per_second: number | null } | null;
  place: { where: "home" | "cloud"; reason: string } | null;
}

export interface TokenFigure {
  text: string;
  logprob: number;
  alternatives: { text: string; logprob: number }[];
}

export interface Seen {
  parts: { kind: "memory" | "world" | "text" | "note"; text: string }[];
  tokens: number;
  left_out_characters: number;
  context_tokens: number;
  answer_tokens: number;
}

export const FIRST_SETTINGS: StorySettings = {
  memory: "",
  note: "",
  note_depth: 160,
  world: [],
  scan_tokens: 1000,
  alternatives: 6,
};

const at = (id: string) => `/api/domov/chats/${id}`;

export const stories = {
  list: (signal: AbortSignal) =>
    request<{ chats: StoryChat[] }>(`/api/domov/chats${query({ kind: "story", limit: 200 })}`, { signal }),
  create: (model: string | null) =>
    request<StoryChat>("/api/domov/chats", { method: "POST", body: { kind: "story", model } }),
  /** Without its messages, which may be many. */
  chat: (id: string) => request<StoryChat>(at(id), { method: "PATCH", body: {} }),
  change: (id: string, body: Partial<StoryChat> & { current?: string | null }) =>
    request<StoryChat>(at(id), { method: "PATCH", body }),
  remove: (id: string) => request<void>(at(id), { method: "DELETE" }),
  text: (id: string, signal?: AbortSignal) => request<Story>(`${at(id)}/story`, signal ? { signal } : {}),
  save: (id: string, text: string, leaving = false) =>
    request<Story>(`${at(id)}/story`, { method: "PUT", body: { text }, keepalive: leaving && text.length < 20_000 }),
  write: (id: string) => request<Piece>(`${at(id)}/story/write`, { method: "POST", body: {} }),
  retry: (id: string) => request<Piece>(`${at(id)}/story/retry`, { method: "POST", body: {} }),
  stop: (id: string, piece: string) => request<Piece>(`${at(id)}/messages/${piece}/stop`, { method: "POST" }),
  seen: (id: string) => request<Seen>(`${at(id)}/story/prompt`, { method: "POST", body: {} }),
  figures: (id: string, piece: string, signal: AbortSignal) =>
    request<{ tokens: TokenFigure[] }>(`${at(id)}/story/figures/${piece}`, { signal }),
  heard: (id: string, piece: string, after: number) => `${at(id)}/messages/${piece}/events${query({ after })}`,
};
