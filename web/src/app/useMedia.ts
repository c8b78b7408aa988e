import { useSyncExternalStore } from "react";
import { usePreferences } from "./preferences";

/** Whether a media query holds, now and from now on. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = matchMedia(query);
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}

/** As narrow as a phone. */
export function usePhone(): boolean {
  return useMedia("(max-width: 767px)");
}

export function useDark(): boolean {
  const { theme } = usePreferences();
  const dark = useMedia("(prefers-color-scheme: dark)");
  return theme === "system" ? dark : theme === "dark";
}
