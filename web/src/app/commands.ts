/** What the palette (Ctrl K) finds. A screen adds its own with `useCommands`, for as long as it is open. */
import type { LucideIcon } from "lucide-react";
import { useEffect, useRef, useSyncExternalStore } from "react";

export interface Command {
  id: string;
  group: string; // in words
  label: string;
  detail?: string;
  icon: LucideIcon;
  keys?: string;
  run: () => void;
}

const registered = new Map<symbol, Command[]>();
const listeners = new Set<() => void>();
let list: Command[] = [];

/** `commands` are taken anew when `of` changes. */
export function useCommands(commands: Command[], of: unknown): void {
  const latest = useRef(commands);
  latest.current = commands;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `of` says when they are others
  useEffect(() => {
    const id = Symbol();
    registered.set(id, latest.current);
    changed();
    return () => {
      registered.delete(id);
      changed();
    };
  }, [of]);
}

function changed(): void {
  list = [...registered.values()].flat();
  for (const listener of listeners) listener();
}

export function useCommandList(): Command[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => list,
  );
}

const plain = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Those that have every word of `text`, in any order and without regard to accents. */
export function matching<T extends { label: string; detail?: string }>(text: string, commands: readonly T[]): T[] {
  const words = plain(text).split(/\s+/).filter(Boolean);
  return commands.filter((command) => {
    const where = plain(`${command.label} ${command.detail ?? ""}`);
    return words.every((word) => where.includes(word));
  });
}
