/** Fetches a model, telling how it gets on, as the server does: a JSON object a line. */
import { ask, Problem } from "@/api/client";

export interface Pulled {
  status: string;
  share: number | null;
  doneBytes: number;
  totalBytes: number;
}

export async function pull(model: string, onProgress: (pulled: Pulled) => void, signal: AbortSignal): Promise<void> {
  const answer = await ask("/api/pull", { method: "POST", body: { model }, signal });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = "";
  while (reader) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter(Boolean)) {
      const told = JSON.parse(line) as { status?: string; error?: string; total?: number; completed?: number };
      if (told.error) throw new Problem(told.error, 500);
      last = told.status ?? last;
      const [total, completed] = [told.total ?? 0, told.completed ?? 0];
      onProgress({ status: last, share: total ? completed / total : null, doneBytes: completed, totalBytes: total });
    }
  }
  if (last !== "success") throw new Problem("", 0, "unreachable");
}
