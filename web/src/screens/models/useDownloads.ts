import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Problem } from "@/api/client";
import { connection } from "@/api/connection";
import { events } from "@/api/events";
import type { Download } from "./api";

const WAIT_MS = 2000;

/** The queue as it is, for as long as a screen shows it. When a model has come, the lists of models are asked anew. */
export function useDownloads(): Download[] {
  const [rows, setRows] = useState<Download[]>([]);
  const client = useQueryClient();
  const done = useRef<Set<string> | null>(null);

  useEffect(() => {
    const ended = new AbortController();
    const take = (downloads: Download[]) => {
      const now = new Set(downloads.filter((one) => one.state === "done").map((one) => one.id));
      const before = done.current;
      if (before && [...now].some((id) => !before.has(id))) {
        for (const key of ["models", "variants"]) client.invalidateQueries({ queryKey: [key] });
      }
      done.current = now;
      setRows(downloads);
    };
    const watch = async () => {
      while (!ended.signal.aborted) {
        try {
          for await (const { event, data } of events("/api/domov/downloads/events", { signal: ended.signal })) {
            if (event === "message") take(JSON.parse(data).downloads);
          }
        } catch (error) {
          if (ended.signal.aborted || (error instanceof Problem && error.status !== 0)) return;
        }
        await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
        await connection.back(ended.signal).catch(() => undefined);
      }
    };
    watch();
    return () => ended.abort();
  }, [client]);

  return rows;
}
