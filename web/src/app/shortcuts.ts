/** Keys that do something wherever one is: registered by who does it, listed on `?`, heard in one place. */
import { useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { layerOpen } from "./layers";

/** `false`: there is nothing to do now, so that the key is left to others and to the browser. */
// biome-ignore lint/suspicious/noConfusingVoidType: whatever says nothing has done something
export type Run = () => false | void;

export interface Shortcut {
  keys: string; // `Mod+K`: Ctrl, or Command where that is the custom
  label: string;
  run: Run;
  /** Whether it is heard while one writes. Keys without Mod are not, unless they say so. */
  whileWriting: boolean;
}

const registered = new Map<symbol, Shortcut>();
const listeners = new Set<() => void>();
let list: Shortcut[] = [];

function changed(): void {
  list = [...registered.values()];
  for (const listener of listeners) listener();
}

export function useShortcut(keys: string, label: string, run: Run, whileWriting?: boolean): void {
  const latest = useRef(run);
  latest.current = run;
  useLayoutEffect(() => {
    const id = Symbol(keys);
    const writes = whileWriting ?? keys.includes("Mod+");
    registered.set(id, { keys, label, run: () => latest.current(), whileWriting: writes });
    changed();
    return () => {
      registered.delete(id);
      changed();
    };
  }, [keys, label, whileWriting]);
}

export function useShortcutList(): Shortcut[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => list,
  );
}

export function startShortcuts(): void {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (taken(event, list, { writing: isWriting(event.target), below: layerOpen() })) event.preventDefault();
  });
}

/** Whether a shortcut took the key, the newest first. below: something lies above the page. */
export function taken(
  event: Pressed,
  shortcuts: readonly Shortcut[],
  at: { writing: boolean; below: boolean },
): boolean {
  return shortcuts.toReversed().some((shortcut) => {
    if (!matches(shortcut.keys, event)) return false;
    if (at.below && !shortcut.keys.includes("Mod+")) return false;
    if (at.writing && !shortcut.whileWriting) return false;
    return shortcut.run() !== false;
  });
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target instanceof HTMLTextAreaElement ||
      target instanceof HTMLInputElement ||
      target instanceof HTMLSelectElement)
  );
}

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

export function matches(keys: string, event: Pressed): boolean {
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  if (parts.includes("Mod") !== (event.ctrlKey || event.metaKey)) return false;
  if (parts.includes("Alt") !== event.altKey) return false;
  // A sign such as `?` may need Shift by itself.
  if (/^[\w]/.test(key) && parts.includes("Shift") !== event.shiftKey) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}
