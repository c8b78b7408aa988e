/** A chat is a tree of messages: children of one parent are alternatives, and one way from the root to a leaf is shown. Pure. */
import type { Message } from "./chats";

type Node = Pick<Message, "id" | "parent_id">;

export interface Step<T extends Node = Message> {
  message: T;
  alternatives: T[]; // itself among them, the oldest first
}

/** The children of each message, and under null the roots. */
export function childrenOf<T extends Node>(messages: readonly T[]): Map<string | null, T[]> {
  const children = new Map<string | null, T[]>();
  for (const message of messages) {
    const row = children.get(message.parent_id);
    if (row) row.push(message);
    else children.set(message.parent_id, [message]);
  }
  return children;
}

/** The way to `leaf`, from the root; without one, or with one that is gone, the way to the newest message. */
export function pathTo<T extends Node>(messages: readonly T[], leaf: string | null): Step<T>[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const children = childrenOf(messages);
  const path: Step<T>[] = [];
  let at = (leaf === null ? undefined : byId.get(leaf)) ?? messages.at(-1);
  for (let left = messages.length; at && left > 0; left--) {
    path.push({ message: at, alternatives: children.get(at.parent_id) ?? [at] });
    at = at.parent_id === null ? undefined : byId.get(at.parent_id);
  }
  return path.reverse();
}

/** The newest leaf below a message: what is shown when one turns to its branch. */
export function leafBelow<T extends Node>(messages: readonly T[], id: string): string {
  const children = childrenOf(messages);
  let at = id;
  for (let left = messages.length; left > 0; left--) {
    const last = children.get(at)?.at(-1);
    if (!last) break;
    at = last.id;
  }
  return at;
}

/** Messages without one and all below it. */
export function without<T extends Node>(messages: readonly T[], id: string): T[] {
  const gone = new Set([id]);
  return messages.filter((message) => {
    const goes = gone.has(message.id) || (message.parent_id !== null && gone.has(message.parent_id));
    if (goes) gone.add(message.id);
    return !goes;
  });
}
