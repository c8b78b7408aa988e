import { useInfiniteQuery } from "@tanstack/react-query";
import { chatsQuery } from "./data/chats";

/** The names of all folders, as the list of chats told them. */
export function useFolders(): string[] {
  const { data } = useInfiniteQuery(chatsQuery({}));
  return data?.pages[0]?.folders.map((folder) => folder.name) ?? [];
}
