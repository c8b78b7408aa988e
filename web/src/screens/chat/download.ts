import { ask, query } from "@/api/client";
import type { Chat } from "./data/chats";

/** Saves a chat, or all of them, as a file. Fetched and not linked: a link carries no key. */
export async function download(format: "markdown" | "json", chat?: Chat): Promise<void> {
  const answer = await ask(`/api/domov/chats/export${query({ format, id: chat?.id })}`, { accept: "*/*" });
  const named = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") ?? "");
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = named?.[1] ? decodeURIComponent(named[1]) : "domov";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
