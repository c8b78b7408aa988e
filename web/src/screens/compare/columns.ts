/**
 * A comparison is a chat whose first question has an answer of each model; what is asked then follows each answer in a
 * branch of its own. So a column is a branch, and every model sees only what it has said itself. Pure.
 */
import type { Message } from "../chat/data/chats";
import { childrenOf } from "../chat/data/tree";

type Told = Pick<Message, "id" | "parent_id" | "role" | "model" | "content">;

export interface Turn<T extends Told = Message> {
  question: T;
  answers: (T | null)[]; // in the order of the columns
}

/** models: one for each column, in their order. */
export function turnsOf<T extends Told>(messages: readonly T[], models: readonly string[]): Turn<T>[] {
  const children = childrenOf(messages);
  const root = children.get(null)?.at(-1);
  if (!root) return [];
  const turns: Turn<T>[] = [];
  let questions: (T | null)[] = models.map(() => root);
  for (let left = messages.length; left > 0; left--) {
    const question = questions.find((one) => one !== null);
    if (!question) break;
    const answers = models.map((model, at) => newest(children.get(questions[at]?.id ?? ""), model));
    turns.push({ question, answers });
    questions = answers.map((answer) => (answer ? (children.get(answer.id)?.at(-1) ?? null) : null));
  }
  return turns;
}

function newest<T extends Told>(row: readonly T[] | undefined, model: string): T | null {
  return row?.findLast((message) => message.role === "assistant" && message.model === model) ?? null;
}

/** The models of a comparison as its columns have them: in a blind one nobody can tell from the order which is which. */
export function orderOf(models: readonly string[], chat: string, blind: boolean): string[] {
  if (!blind) return [...models];
  return [...models].sort((a, b) => scattered(chat + a) - scattered(chat + b));
}

function scattered(text: string): number {
  let hash = 2166136261; // FNV-1a
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  return hash;
}

export const letter = (at: number) => String.fromCharCode(65 + at);
