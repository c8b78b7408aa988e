/** What this browser is to look like: kept here, not on the server, since it belongs to the screen in front of you. */
import { useSyncExternalStore } from "react";

export interface Preferences {
  theme: "system" | "light" | "dark";
  language: string; // empty: the browser's
  sidebar: "open" | "folded";
}

const FIRST: Preferences = { theme: "system", language: "", sidebar: "open" };
const listeners = new Set<() => void>();
let current = read();

function read(): Preferences {
  const found = { ...FIRST };
  try {
    for (const name of Object.keys(FIRST) as (keyof Preferences)[]) {
      const value = localStorage.getItem(`domov.${name}`);
      if (value !== null) Object.assign(found, { [name]: value });
    }
  } catch {
    // a browser that keeps nothing
  }
  return found;
}

export function preferences(): Preferences {
  return current;
}

export function prefer(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    for (const [name, value] of Object.entries(change)) localStorage.setItem(`domov.${name}`, value);
  } catch {
    // then it holds until the page is closed
  }
  show();
  for (const listener of listeners) listener();
}

/** Lets the whole document look as preferred. */
export function show(): void {
  const root = document.documentElement;
  if (current.theme === "system") delete root.dataset.theme;
  else root.dataset.theme = current.theme;
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
