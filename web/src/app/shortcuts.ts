/** Keys that do something wherever one is: registered by who does it, listed on `?`, heard in one place. */
import { useLayoutEffect, useRef, useSyncExternalStore } from "react";

export interface Shortcut {
  keys: string; // `Mod+K`: Ctrl, or Command where that is the custom
  label: string;
  run: (event: KeyboardEvent) => void;
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

export function useShortcut(
  keys: string,
  label: string,
  run: (event: KeyboardEvent) => void,
  whileWriting?: boolean,
): void {
  const latest = useRef(run);
  latest.current = run;
  useLayoutEffect(() => {
    const id = Symbol(keys);
    const writes = whileWriting ?? keys.includes("Mod+");
    registered.set(id, { keys, label, run: (event) => latest.current(event), whileWriting: writes });
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
    const writing = isWriting(event.target);
    const inDialog = document.querySelector("[role=dialog][data-open],[role=menu][data-open]") !== null; // it has the keys, also from outside
    for (const shortcut of [...list].reverse()) {
      if (!matches(shortcut.keys, event)) continue;
      if (!shortcut.keys.includes("Mod+") && (inDialog || (writing && !shortcut.whileWriting))) continue;
      event.preventDefault();
      shortcut.run(event);
      return;
    }
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

export function matches(
  keys: string,
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">,
): boolean {
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  if (parts.includes("Mod") !== (event.ctrlKey || event.metaKey)) return false;
  if (parts.includes("Alt") !== event.altKey) return false;
  // A sign such as `?` may need Shift by itself.
  if (/^[\w]/.test(key) && parts.includes("Shift") !== event.shiftKey) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}
