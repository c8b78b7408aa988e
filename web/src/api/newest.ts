/** What a stream of events told last, for lists and states that the server tells whole whenever they change. */
import { useEffect, useState } from "react";
import { Problem } from "./client";
import { connection } from "./connection";
import { events } from "./events";

const PAUSE_MS = 500;

export interface Newest<T> {
  data: T | undefined;
  error: unknown; // of a stream that is not opened again by itself
  again: () => void;
}

/** The newest of a stream of events, which is opened again where it breaks. `done` is its last, `error` ends it. */
export function useNewest<T>(path: string): Newest<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round more is another try
  useEffect(() => {
    const stop = new AbortController();
    setError(undefined);
    read<T>(path, stop.signal, setData).catch((problem) => !stop.signal.aborted && setError(problem));
    return () => stop.abort();
  }, [path, round]);
  return { data, error, again: () => setRound(round + 1) };
}

async function read<T>(path: string, signal: AbortSignal, told: (value: T) => void): Promise<void> {
  for (;;) {
    try {
      for await (const { event, data } of events(path, { signal })) {
        const value = JSON.parse(data);
        if (event === "error") throw new Problem(value.error.message, 500);
        told(value as T);
        if (event === "done") return;
      }
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 0) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    await connection.back(signal);
    signal.throwIfAborted();
  }
}
