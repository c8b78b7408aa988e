/** Chats as the server keeps them (docs/chats.md), and asking for them. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { query, request } from "@/api/client";
import { queries } from "@/api/server";

export interface Settings {
  system?: string;
  options?: Record<string, unknown>;
  documents?: boolean | string[];
  assistant?: string | null;
  title?: "words" | "auto";
  compare?: { models: string[]; blind: boolean; votes?: Record<string, string> }; // this page's own
}

export interface Chat {
  id: string;
  kind: "chat" | "story";
  title: string;
  model: string | null;
  folder: string | null;
  tags: string[];
  pinned: boolean;
  archived: boolean;
  temporary: boolean;
  created_at: number;
  updated_at: number;
  settings: Settings;
  draft: string;
  current: string | null;
  running: boolean;
  snippet?: string;
}

export interface Attachment {
  id: string;
  kind: "image" | "text";
  name: string;
  media_type: string;
  size_bytes: number;
  text_tokens?: number;
}

export interface Reference {
  number: number;
  passage: number;
  path: string;
  file: string;
  title: string;
  titles: string[];
  page: number | null;
  line: number | null;
  text: string;
  collection: string;
}

export interface Progress {
  stage: string;
  fraction: number;
}

export interface Message {
  id: string;
  chat_id: string;
  parent_id: string | null;
  role: "user" | "assistant" | "system";
  content: string;
  reasoning: string | null;
  attachments: Attachment[];
  references: Reference[];
  documents?: { answered: boolean; unsupported: string[]; searched: string } | null;
  model: string | null;
  created_at: number;
  status: "running" | "done" | "stopped" | "failed" | "interrupted";
  error: { message: string; hint: string | null } | null;
  stats: {
    prompt_tokens: number | null;
    cached_tokens: number | null;
    answer_tokens: number | null;
    first_token_seconds: number | null;
    tokens_per_second: number | null;
    joules: number | null;
    estimated: boolean; // of joules and cost: no counter told them
    cost: number | null;
    currency: string;
  } | null;
  place: { where: "home" | "cloud"; reason: string } | null;
  overflow: { policy: string; messages: string[] } | null;
  finish_reason: string | null;
  context: { used_tokens: number; size_tokens: number } | null;
  seq?: number;
  progress?: Progress | null;
}

export interface WholeChat extends Chat {
  messages: Message[];
}

export interface Assistant {
  id: string;
  name: string;
  description: string;
  model: string | null;
  system: string;
  options: Record<string, unknown>;
  documents: boolean | string[];
  adapters: Record<string, unknown>[];
}

export interface ChatPage {
  chats: Chat[];
  next: string | null;
  folders: { name: string; count: number }[];
  tags: { name: string; count: number }[];
}

export interface ChatFilter {
  folder?: string;
  tag?: string;
  archived?: boolean;
}

const CHATS = "/api/domov/chats";
const messagesOf = (chat: string) => `${CHATS}/${encodeURIComponent(chat)}/messages`;
const messageAt = (message: Message) => `${messagesOf(message.chat_id)}/${encodeURIComponent(message.id)}`;

export const chatQuery = (id: string) =>
  queryOptions({
    queryKey: ["chat", id],
    queryFn: ({ signal }) => request<WholeChat>(`${CHATS}/${encodeURIComponent(id)}`, { signal }),
    staleTime: 5_000,
  });

export const chatsQuery = (filter: ChatFilter) =>
  infiniteQueryOptions({
    queryKey: ["chats", filter],
    queryFn: ({ signal, pageParam }) =>
      request<ChatPage>(`${CHATS}${query({ ...filter, kind: "chat", limit: 60, before: pageParam })}`, { signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    staleTime: 5_000,
  });

export const assistantsQuery = queryOptions({
  queryKey: ["assistants"],
  queryFn: async ({ signal }) =>
    (await request<{ assistants: Assistant[] }>("/api/domov/assistants", { signal })).assistants,
  staleTime: 30_000,
});

export const listAgain = () => queries.invalidateQueries({ queryKey: ["chats"] });

export const create = (body: { model: string | null; settings: Settings; temporary: boolean; title?: string }) =>
  request<Chat>(CHATS, { method: "POST", body });

export async function change(id: string, fields: Partial<Chat>, keepalive = false): Promise<Chat> {
  const chat = await request<Chat>(`${CHATS}/${encodeURIComponent(id)}`, { method: "PATCH", body: fields, keepalive });
  queries.setQueryData(
    chatQuery(id).queryKey,
    (was) => was && { ...was, ...chat, current: fields.current ?? was.current },
  );
  if (!("draft" in fields)) listAgain();
  return chat;
}

export const showDraft = (id: string, draft: string) =>
  queries.setQueryData(chatQuery(id).queryKey, (was) => was && { ...was, draft });

export async function remove(id: string): Promise<void> {
  await request(`${CHATS}/${encodeURIComponent(id)}`, { method: "DELETE" });
  queries.removeQueries({ queryKey: ["chat", id] });
  listAgain();
}

export const fork = (message: Message) =>
  request<Chat>(`${CHATS}/${encodeURIComponent(message.chat_id)}/fork`, {
    method: "POST",
    body: { message_id: message.id },
  });

export interface Asking {
  parent_id: string | null;
  content: string;
  attachments?: string[];
  models?: string[];
  options?: Record<string, unknown>;
}

/** Asks; isNew: in a chat that was made for this, of which nothing stays where the question is refused. */
export async function post(chat: string, body: Asking, isNew: boolean) {
  try {
    return await request<{ question: Message; answers: Message[] }>(messagesOf(chat), { method: "POST", body });
  } catch (error) {
    if (isNew) await remove(chat).catch(() => undefined);
    throw error;
  }
}

export const answerAgain = (question: Message, model: string | null) =>
  request<Message>(`${messageAt(question)}/answers`, { method: "POST", body: model ? { model } : {} });

export const goOn = (message: Message) =>
  request<Message>(`${messageAt(message)}/continue`, { method: "POST", body: {} });

export const stop = (message: Message) => request<Message>(`${messageAt(message)}/stop`, { method: "POST" });

export const edit = (message: Message, content: string) =>
  request<Message>(messageAt(message), { method: "PATCH", body: { content } });

export const removeMessage = (message: Message) => request<void>(messageAt(message), { method: "DELETE" });

export const eventsPath = (message: Message, after: number) => `${messageAt(message)}/events${query({ after })}`;

export function attach(file: File, temporary: boolean, signal: AbortSignal): Promise<Attachment> {
  const body = new FormData();
  body.append("file", file, file.name);
  return request<Attachment>(`/api/domov/attachments${query({ temporary: temporary || null })}`, {
    method: "POST",
    body,
    signal,
  });
}

/** Puts messages as they are now among those that are shown. */
export function keep(...messages: Message[]): void {
  for (const message of messages) {
    queries.setQueryData(chatQuery(message.chat_id).queryKey, (chat) => {
      if (!chat) return chat;
      const at = chat.messages.findLastIndex((one) => one.id === message.id);
      const all = at < 0 ? [...chat.messages, message] : chat.messages.with(at, message);
      return { ...chat, messages: all };
    });
  }
}

/** Shows another branch, here at once and on the server for the next time. */
export function show(chat: string, current: string): void {
  queries.setQueryData(chatQuery(chat).queryKey, (was) => was && { ...was, current });
  change(chat, { current }).catch(() => undefined);
}
