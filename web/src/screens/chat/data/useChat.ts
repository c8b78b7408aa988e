/** One chat as it is shown, and what can be done in it. A chat that is not begun yet is made with its first question. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { queries } from "@/api/server";
import type { Attachment, Chat, Message, Settings, WholeChat } from "./chats";
import * as chats from "./chats";
import { followAll } from "./live";
import { chatModelsQuery, firstModel, rememberModel, useChatModels } from "./models";
import { leafBelow, pathTo, type Step, without } from "./tree";

export interface Pending {
  content: string;
  attachments: Attachment[];
}

export interface ChatState {
  chat: WholeChat | undefined;
  isNew: boolean;
  loading: boolean;
  error: unknown;
  path: Step[];
  running: Message | undefined;
  pending: Pending | null; // a question on its way to the server
  failure: unknown; // of what was tried last
  model: string | null;
  noModel: boolean; // there is none to ask
  settings: Settings;
  temporary: boolean;
  actions: ChatActions;
}

export interface ChatActions {
  send: (content: string, attachments: Attachment[]) => Promise<boolean>;
  askAgain: (question: Message, content: string) => Promise<boolean>; // an edited question, as a branch of its own
  regenerate: (answer: Message, model?: string) => void;
  goOn: (answer: Message) => void;
  stop: () => void;
  turnTo: (message: Message) => void;
  fork: (message: Message) => void;
  edit: (message: Message, content: string) => Promise<boolean>;
  remove: (message: Message) => void;
  setModel: (name: string) => void;
  setSettings: (settings: Settings) => void;
  setTemporary: (temporary: boolean) => void;
}

const NO_SETTINGS: Settings = {};

export function useChat(id: string | null): ChatState {
  const [, go] = useLocation();
  const models = useChatModels();
  const { data: chat, error, isPending } = useQuery({ ...chats.chatQuery(id ?? ""), enabled: id !== null });
  const [pending, setPending] = useState<Pending | null>(null);
  const [failed, setFailed] = useState<{ in: string | null; error: unknown } | null>(null);
  const [begun, setBegun] = useState<{ model: string | null; settings: Settings; temporary: boolean }>(NEW);

  const messages = chat?.messages;
  useEffect(() => {
    if (messages) followAll(messages);
  }, [messages]);
  const current = chat?.current ?? null;
  const path = useMemo(() => (messages ? pathTo(messages, current) : []), [messages, current]);
  const running = path.at(-1)?.message.status === "running" ? path.at(-1)?.message : undefined;
  const model = (chat ? chat.model : begun.model) ?? firstModel(models);
  const settings = chat?.settings ?? begun.settings ?? NO_SETTINGS;
  const temporary = chat?.temporary ?? begun.temporary;

  /** Tries something; a failure is shown and kept until the next try. */
  const attempt = useCallback(
    async (work: () => Promise<unknown>): Promise<boolean> => {
      setFailed(null);
      try {
        await work();
        return true;
      } catch (error) {
        setFailed({ in: id, error });
        return false;
      }
    },
    [id],
  );

  const ask = useCallback(
    (parent: string | null, content: string, attachments: Attachment[]) =>
      attempt(async () => {
        setPending({ content, attachments });
        try {
          const name = model ?? firstModel(await queries.ensureQueryData(chatModelsQuery)); // asked before they are known
          const here: Chat = chat ?? (await chats.create({ model: name, settings, temporary }));
          const asking = {
            parent_id: parent,
            content,
            attachments: attachments.map((one) => one.id),
            ...(name ? { models: [name] } : {}),
          };
          const { question, answers } = await chats.post(here.id, asking, !chat);
          if (!chat) queries.setQueryData(chats.chatQuery(here.id).queryKey, { ...here, messages: [] });
          chats.keep(question, ...answers);
          const current = answers[0]?.id ?? question.id;
          queries.setQueryData(chats.chatQuery(here.id).queryKey, (was) => was && { ...was, current, draft: "" });
          followAll(answers);
          chats.listAgain();
          if (!chat) go(`/home/chat/${here.id}`, { replace: true });
        } finally {
          setPending(null);
        }
      }),
    [attempt, chat, go, model, settings, temporary],
  );

  const actions: ChatActions = useMemo(() => {
    const shown = (message: Message) => {
      chats.keep(message);
      queries.setQueryData(chats.chatQuery(message.chat_id).queryKey, (was) => was && { ...was, current: message.id });
      followAll([message]);
    };
    const find = (messageId: string | null) => chat?.messages.find((one) => one.id === messageId);
    const save = (fields: Partial<Chat>) => chat && attempt(() => chats.change(chat.id, fields));
    return {
      send: (content, attachments) => ask(path.at(-1)?.message.id ?? null, content, attachments),
      askAgain: (question, content) => ask(question.parent_id, content, question.attachments),
      regenerate: (answer, name) => {
        const question = find(answer.parent_id);
        if (question) attempt(async () => shown(await chats.answerAgain(question, name ?? model)));
      },
      goOn: (answer) => attempt(async () => shown(await chats.goOn(answer))),
      stop: () => running && attempt(async () => chats.keep(await chats.stop(running))),
      turnTo: (message) => chat && chats.show(chat.id, leafBelow(chat.messages, message.id)),
      fork: (message) => attempt(async () => go(`/home/chat/${(await chats.fork(message)).id}`)).then(chats.listAgain),
      edit: (message, content) => attempt(async () => chats.keep(await chats.edit(message, content))),
      remove: (message) =>
        attempt(async () => {
          await chats.removeMessage(message);
          queries.setQueryData(
            chats.chatQuery(message.chat_id).queryKey,
            (was) => was && { ...was, messages: without(was.messages, message.id) },
          );
          queries.invalidateQueries({ queryKey: chats.chatQuery(message.chat_id).queryKey });
        }),
      setModel: (name) => {
        rememberModel(name);
        if (chat) save({ model: name });
        else setBegun((was) => ({ ...was, model: name }));
      },
      setSettings: (changed) => {
        if (!chat) return setBegun((was) => ({ ...was, settings: changed }));
        queries.setQueryData(chats.chatQuery(chat.id).queryKey, (was) => was && { ...was, settings: changed });
        return void save({ settings: changed });
      },
      setTemporary: (value) => setBegun((was) => ({ ...was, temporary: value })),
    };
  }, [ask, attempt, chat, go, model, path, running]);

  return {
    chat,
    isNew: id === null,
    loading: id !== null && isPending,
    error,
    path,
    running,
    pending,
    failure: failed?.in === id ? failed.error : null,
    model,
    noModel: models?.length === 0,
    settings,
    temporary,
    actions,
  };
}

const NEW = { model: null, settings: NO_SETTINGS, temporary: false };
