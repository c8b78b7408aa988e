import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { type Newest, useNewest } from "@/api/newest";
import type { Download } from "./api";

/** The queue as it is, for as long as a screen shows it. When a model has come, the lists of models are asked anew. */
export function useDownloads(): Newest<{ downloads: Download[] }> {
  const queue = useNewest<{ downloads: Download[] }>("/api/domov/downloads/events");
  const rows = queue.data?.downloads;
  const client = useQueryClient();
  const done = useRef<Set<string> | null>(null);
  useEffect(() => {
    if (!rows) return;
    const now = new Set(rows.filter((one) => one.state === "done").map((one) => one.id));
    const before = done.current;
    done.current = now;
    if (before && [...now].some((id) => !before.has(id))) {
      for (const key of ["models", "variants"]) client.invalidateQueries({ queryKey: [key] });
    }
  }, [rows, client]);
  return queue;
}
