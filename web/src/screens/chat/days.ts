/** Chats in the order that people remember them in. Pure. */
import { day } from "@/app/formats";
import type { Chat } from "./data/chats";

export interface Group<T> {
  name: string; // a key of `history`, or the month
  date: string | null; // in words, where it is a date
  chats: T[];
}

const DAY_MS = 86_400_000;

export function byDay<T extends Pick<Chat, "pinned" | "updated_at">>(chats: readonly T[], nowMs: number): Group<T>[] {
  const groups: Group<T>[] = [];
  for (const chat of chats) {
    const group = chat.pinned ? { name: "pinned", date: null } : dayOf(chat.updated_at * 1000, nowMs);
    const last = groups.at(-1);
    if (last?.name === group.name) last.chats.push(chat);
    else groups.push({ ...group, chats: [chat] });
  }
  return groups;
}

function dayOf(thenMs: number, nowMs: number): { name: string; date: string | null } {
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  if (thenMs >= midnight) return { name: "today", date: null };
  if (thenMs >= midnight - DAY_MS) return { name: "yesterday", date: null };
  if (thenMs >= midnight - 6 * DAY_MS) return { name: "week", date: null };
  const date = day(thenMs / 1000);
  return { name: date, date };
}
