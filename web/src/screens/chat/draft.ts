/** What is being typed: kept with its chat on the server, and in this browser for a chat that is not begun. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { change, showDraft } from "./data/chats";
import type { ChatState } from "./data/useChat";

const PAUSE_MS = 700;
const NEW = "domov.draft";

interface Unsaved {
  chat: string | null;
  text: string;
}

export function useDraft({ chat, isNew }: Pick<ChatState, "chat" | "isNew">): [string, (text: string) => void] {
  const place = isNew ? "" : (chat?.id ?? null); // null: not known yet
  const [text, setText] = useState("");
  const shown = useRef<string | null>(null);
  const unsaved = useRef<Unsaved | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const save = useCallback((keepalive = false) => {
    clearTimeout(timer.current);
    const what = unsaved.current;
    unsaved.current = null;
    if (!what) return;
    if (!what.chat) return storeNew(what.text);
    showDraft(what.chat, what.text); // who comes back before the server has answered finds it
    change(what.chat, { draft: what.text }, keepalive).catch(() => undefined);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the draft is taken once, when its chat comes into view
  useLayoutEffect(() => {
    if (place === null || place === shown.current) return;
    save();
    const wasNew = shown.current === "";
    shown.current = place;
    // A chat that was made of what stood here has no draft: what was typed since stays.
    const draft = place === "" ? readNew() : (chat?.draft ?? "");
    if (!(wasNew && draft === "" && chat?.messages.length)) setText(draft);
  }, [place]);

  useEffect(() => {
    const leave = () => save(true);
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      save();
    };
  }, [save]);

  const write = useCallback(
    (value: string) => {
      setText(value);
      unsaved.current = { chat: shown.current, text: value };
      clearTimeout(timer.current);
      timer.current = setTimeout(save, value === "" ? 0 : PAUSE_MS);
    },
    [save],
  );
  return [text, write];
}

function readNew(): string {
  try {
    return localStorage.getItem(NEW) ?? "";
  } catch {
    return "";
  }
}

function storeNew(text: string): void {
  try {
    if (text) localStorage.setItem(NEW, text);
    else localStorage.removeItem(NEW);
  } catch {
    // then it is there until the page is closed
  }
}
