import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { type Sample, samplesSince, type Use } from "./api";

const EACH_MS = 2000;
const HOUR_SECONDS = 3600;

/** The last hour and now: the whole hour is asked for once, then only what is new. */
export function useSamples(): { data: Use | undefined; error: unknown; refetch: () => void } {
  const known = useRef<Sample[]>([]);
  const { data, error, refetch } = useQuery({
    queryKey: ["machine", "use"],
    queryFn: async ({ signal }) => {
      const told = await samplesSince(known.current.at(-1)?.at ?? 0, signal);
      const all = [...known.current, ...told.samples];
      const last = all.at(-1)?.at ?? 0;
      known.current = all.filter((sample) => sample.at >= last - HOUR_SECONDS);
      return { ...told, samples: known.current };
    },
    gcTime: 0,
    refetchInterval: EACH_MS,
  });
  return { data, error, refetch };
}
