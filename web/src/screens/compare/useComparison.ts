/** One comparison and what can be done in it, in the form that the chat's composer knows. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { queries } from "@/api/server";
import type { Attachment, Message, Settings } from "../chat/data/chats";
import * as chats from "../chat/data/chats";
import { followAll } from "../chat/data/live";
import type { ChatState, Pending } from "../chat/data/useChat";
import { orderOf, type Turn, turnsOf } from "./columns";

export interface Comparison {
  composer: ChatState;
  models: string[]; // in the order of the columns
  blind: boolean;
  turns: Turn[];
  votes: Record<string, string>; // of each turn: a model, or EQUAL
  vote: (turn: number, model: string) => void;
}

export const EQUAL = "=";
const NONE: string[] = [];

/** chosen, hidden: what a comparison that is not begun yet will be. */
export function useComparison(id: string | null, chosen: string[], hidden: boolean): Comparison {
  const [, go] = useLocation();
  const { data: chat, error, isPending } = useQuery({ ...chats.chatQuery(id ?? ""), enabled: id !== null });
  const [pending, setPending] = useState<Pending | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [begun, setBegun] = useState<Settings>({});
  const settings = chat?.settings ?? begun;
  const about = chat?.settings.compare;
  const blind = about?.blind ?? hidden;
  const listed = about?.models ?? (id === null ? chosen : NONE);
  const models = useMemo(() => orderOf(listed, id ?? "", blind && id !== null), [listed, id, blind]);
  const messages = chat?.messages;
  const turns = useMemo(() => (messages ? turnsOf(messages, models) : []), [messages, models]);
  useEffect(() => {
    if (messages) followAll(messages);
  }, [messages]);
  const last = turns.at(-1);
  const running = last?.answers.filter((one): one is Message => one?.status === "running") ?? [];

  const send = async (content: string, attachments: Attachment[]): Promise<boolean> => {
    setFailure(null);
    setPending({ content, attachments });
    try {
      const asking = { content, attachments: attachments.map((one) => one.id) };
      const compare = { models: chosen, blind };
      const here =
        chat ??
        (await chats.create({ model: chosen[0] ?? null, settings: { ...settings, compare }, temporary: false }));
      const asked = last
        ? await Promise.all(
            last.answers.flatMap((one) =>
              one ? chats.post(here.id, { ...asking, parent_id: one.id, models: [one.model ?? ""] }, false) : [],
            ),
          )
        : [await chats.post(here.id, { ...asking, parent_id: null, models: orderOf(chosen, here.id, blind) }, !chat)];
      if (!chat) queries.setQueryData(chats.chatQuery(here.id).queryKey, { ...here, messages: [] });
      chats.keep(...asked.flatMap(({ question, answers }) => [question, ...answers]));
      chats.listAgain();
      if (!chat) go(`/home/compare/${here.id}`, { replace: true });
      return true;
    } catch (error) {
      setFailure(error);
      return false;
    } finally {
      setPending(null);
    }
  };
  const nothing = () => undefined;
  const composer: ChatState = {
    chat,
    isNew: id === null,
    loading: id !== null && isPending,
    error,
    path: last ? [{ message: last.question, alternatives: [last.question] }] : [],
    running: running[0],
    pending,
    failure,
    model: models[0] ?? null,
    noModel: models.length < 2,
    settings,
    temporary: false,
    actions: {
      send,
      stop: () => void Promise.all(running.map((one) => chats.stop(one).then(chats.keep))).catch(setFailure),
      setSettings: (changed) => {
        if (!chat) setBegun(changed);
        else chats.change(chat.id, { settings: changed }).catch(setFailure);
      },
      askAgain: async () => false,
      edit: async () => false,
      regenerate: nothing,
      goOn: nothing,
      turnTo: nothing,
      fork: nothing,
      remove: nothing,
      setModel: nothing,
      setTemporary: nothing,
    },
  };
  return {
    composer,
    models,
    blind,
    turns,
    votes: about?.votes ?? {},
    vote: (turn, model) => {
      if (!chat || !about) return;
      const compare = { ...about, votes: { ...about.votes, [turn]: model } };
      chats.change(chat.id, { settings: { ...settings, compare } }).catch(setFailure);
    },
  };
}
