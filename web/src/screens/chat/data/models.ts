/** The models that can be chatted with, and the one that a new chat begins with. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { request } from "@/api/client";

export interface ChatModel {
  id: string;
  type: "llm" | "vlm" | "embeddings";
  arch: string;
  quantization: string;
  state: "loaded" | "not-loaded";
  max_context_length: number;
}

const NAME = "domov.model";

export const chatModelsQuery = queryOptions({
  queryKey: ["models", "chat"],
  queryFn: async ({ signal }) => {
    const { data } = await request<{ data: ChatModel[] }>("/api/v0/models", { signal });
    return data.filter((model) => model.type !== "embeddings");
  },
  staleTime: 10_000,
});

export function useChatModels(): ChatModel[] | undefined {
  return useQuery(chatModelsQuery).data;
}

/** The one chosen last if it is still here, else one that is loaded, else the first. */
export function firstModel(models: readonly ChatModel[] | undefined): string | null {
  if (!models?.length) return null;
  let last: string | null = null;
  try {
    last = localStorage.getItem(NAME);
  } catch {
    // a browser that keeps nothing
  }
  const found = models.find((model) => model.id === last) ?? models.find((model) => model.state === "loaded");
  return (found ?? models[0])?.id ?? null;
}

export function rememberModel(name: string): void {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // then the first one is offered again
  }
}
