/** Where a chat is opened: what it is decides which screen shows it. */
export function chatPath(chat: { id: string; kind?: string; settings?: { compare?: unknown } }): string {
  if (chat.kind === "story") return `/home/writing/${chat.id}`;
  return chat.settings?.compare ? `/home/compare/${chat.id}` : `/home/chat/${chat.id}`;
}
