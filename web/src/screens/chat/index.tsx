import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Problem } from "@/api/client";
import { Screen } from "@/app/Screen";
import { useShortcut } from "@/app/shortcuts";
import { ProblemBox, Skeleton } from "@/components/States";
import { Bar, BarActions } from "./Bar";
import { CitedProvider } from "./Cited";
import { Composer } from "./Composer";
import { useChat } from "./data/useChat";
import { EditingContext } from "./editing";
import { Greeting } from "./Greeting";
import { SidePanel, usePanel } from "./SidePanel";
import { Thread } from "./Thread";

const PATH = /^\/home\/chat\/([\w-]+)$/;

export default function ChatScreen() {
  const [location] = useLocation();
  const id = PATH.exec(location)?.[1] ?? null;
  return <OneChat id={id} />;
}

function OneChat({ id }: { id: string | null }) {
  const { t } = useTranslation("chat");
  const state = useChat(id);
  const panel = usePanel();
  const [edited, edit] = useState<string | null>(null);
  const editing = useMemo(() => ({ id: edited, edit }), [edited]);
  const { chat, actions } = state;
  const title = chat ? chat.title || t("untitled") : t("title");

  useShortcut("Escape", t("stop"), () => (state.running ? actions.stop() : false), true);
  useShortcut("Mod+.", t("panel.title"), panel.toggle);
  return (
    <Screen title={title} bare bar={<Bar state={state} />} actions={<BarActions state={state} panel={panel} />}>
      <CitedProvider>
        <EditingContext value={editing}>
          <div className="flex min-h-0 flex-1">
            <div className="flex min-w-0 flex-1 flex-col">
              {state.error ? (
                <div className="mx-auto w-full max-w-xl flex-1 p-6">
                  <ProblemBox error={missing(state.error) ? new Error(t("gone")) : state.error} />
                </div>
              ) : state.loading ? (
                <div className="mx-auto w-full max-w-[var(--read-width)] flex-1 p-6">
                  <Skeleton lines={6} />
                </div>
              ) : state.path.length || state.pending ? (
                <Thread key={chat?.id ?? "new"} state={state} />
              ) : (
                <Greeting state={state} />
              )}
              <Composer state={state} />
            </div>
            <SidePanel state={state} panel={panel} />
          </div>
        </EditingContext>
      </CitedProvider>
    </Screen>
  );
}

function missing(error: unknown): boolean {
  return error instanceof Problem && error.status === 404;
}
