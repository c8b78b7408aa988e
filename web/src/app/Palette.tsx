import { Dialog as Base } from "@base-ui/react/dialog";
import { useQuery } from "@tanstack/react-query";
import { Keyboard, Languages, MessageSquare, Search, SquarePen, SunMoon } from "lucide-react";
import { useDeferredValue, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { query, request } from "@/api/client";
import { useOffer } from "@/api/server";
import { classes } from "@/components/classes";
import { Keys } from "@/components/Keys";
import { screensFor } from "@/screens/registry";
import { type Command, matching, useCommandList } from "./commands";
import { chatPath } from "./paths";
import { prefer } from "./preferences";
import { LANGUAGES, nameOf } from "./words";

interface Opened {
  open: boolean;
  onClose: () => void;
  onShortcuts: () => void;
}

/** Everything by a few letters: screens, actions, what the screen adds, and all chats. */
export function Palette({ open, onClose, onShortcuts }: Opened) {
  const { t } = useTranslation();
  return (
    <Base.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-30 bg-[light-dark(rgb(60_45_30_/_0.3),rgb(0_0_0_/_0.55))]" />
        <Base.Popup className="fixed top-[min(15vh,120px)] left-1/2 z-30 flex max-h-[70vh] w-[calc(100vw-24px)] max-w-xl -translate-x-1/2 flex-col overflow-hidden rounded-base border border-line bg-raised shadow-menu outline-none">
          <Base.Title className="sr-only">{t("palette.label")}</Base.Title>
          <Finder onClose={onClose} onShortcuts={onShortcuts} />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

function Finder({ onClose, onShortcuts }: Omit<Opened, "open">) {
  const { t } = useTranslation();
  const id = useId();
  const [text, setText] = useState("");
  const [marked, setMarked] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const found = [...matching(text, useOwn(onShortcuts)), ...useChats(useDeferredValue(text))];
  const current = Math.min(marked, found.length - 1);

  useEffect(() => {
    list.current?.querySelector(`[data-at="${current}"]`)?.scrollIntoView({ block: "nearest" });
  }, [current]);

  const choose = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const move = (step: number) => setMarked((current + step + found.length) % Math.max(1, found.length));
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter" && !event.nativeEvent.isComposing) choose(found[current]);
    else return;
    event.preventDefault();
  };

  return (
    <>
      <div className="flex h-12 shrink-0 items-center gap-2.5 border-b border-line px-4">
        <Search size={17} aria-hidden className="text-text-3" />
        <input
          // biome-ignore lint/a11y/noAutofocus: the palette is opened to write in it
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls={id}
          aria-activedescendant={found.length ? `${id}-${current}` : undefined}
          aria-label={t("palette.label")}
          placeholder={t("palette.placeholder")}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setMarked(0);
          }}
          onKeyDown={onKeyDown}
          className="h-full min-w-0 flex-1 bg-transparent text-base outline-none"
        />
      </div>
      <div ref={list} id={id} role="listbox" aria-label={t("palette.label")} className="min-h-0 overflow-y-auto p-1.5">
        {found.map((command, at) => (
          <Entry
            key={command.id}
            command={command}
            id={`${id}-${at}`}
            at={at}
            heading={command.group === found[at - 1]?.group ? "" : command.group}
            marked={at === current}
            onMark={() => setMarked(at)}
            onChoose={() => choose(command)}
          />
        ))}
      </div>
      {!found.length && (
        <p role="status" className="px-4 pt-2 pb-5 text-center text-base text-text-3">
          {t("palette.nothing")}
        </p>
      )}
    </>
  );
}

function Entry(props: {
  command: Command;
  id: string;
  at: number;
  heading: string;
  marked: boolean;
  onMark: () => void;
  onChoose: () => void;
}) {
  const { icon: Icon, label, detail, keys } = props.command;
  return (
    <>
      {props.heading && (
        <div aria-hidden className="px-2.5 pt-2 pb-1 text-small text-text-3">
          {props.heading}
        </div>
      )}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the box, which points here */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: its keys are heard in the box */}
      <div
        id={props.id}
        data-at={props.at}
        role="option"
        aria-selected={props.marked}
        onPointerMove={props.onMark}
        onClick={props.onChoose}
        className={classes(
          "flex min-h-9 cursor-pointer items-center gap-2.5 rounded-small px-2.5 py-1 text-base",
          props.marked && "bg-hover",
        )}
      >
        <Icon size={16} aria-hidden className="shrink-0 text-text-3" />
        <span className="truncate">{label}</span>
        {detail && <span className="min-w-0 flex-1 truncate text-small text-text-3">{detail}</span>}
        {keys && (
          <span className="ml-auto">
            <Keys keys={keys} />
          </span>
        )}
      </div>
    </>
  );
}

function useOwn(onShortcuts: () => void): Command[] {
  const { t, i18n } = useTranslation();
  const [, go] = useLocation();
  const added = useCommandList();
  const offer = useOffer();
  const screens = screensFor(offer).filter((screen) => !screen.unlisted);
  return [
    {
      id: "new",
      group: t("palette.do"),
      label: t("chat.new"),
      icon: SquarePen,
      keys: "Mod+Shift+O",
      run: () => go("/"),
    },
    ...added,
    ...screens.map((screen) => ({
      id: `screen ${screen.name}`,
      group: t("palette.go"),
      label: t(`screens.${screen.name}`),
      icon: screen.icon,
      run: () => go(screen.path),
    })),
    ...(["system", "light", "dark"] as const).map((theme) => ({
      id: `theme ${theme}`,
      group: t("preferences.label"),
      label: `${t("preferences.theme")}: ${t(`preferences.${theme}`)}`,
      icon: SunMoon,
      run: () => prefer({ theme }),
    })),
    ...LANGUAGES.map((language) => ({
      id: `language ${language}`,
      group: t("preferences.label"),
      label: `${t("preferences.language")}: ${nameOf(language)}`,
      icon: Languages,
      run: () => {
        prefer({ language });
        i18n.changeLanguage(language);
      },
    })),
    {
      id: "keys",
      group: t("preferences.label"),
      label: t("shortcuts.title"),
      icon: Keyboard,
      keys: "?",
      run: onShortcuts,
    },
  ];
}

interface FoundChat {
  id: string;
  title: string;
  kind: string;
  settings: { compare?: unknown };
  snippet?: string;
}

function useChats(text: string): Command[] {
  const { t } = useTranslation();
  const [, go] = useLocation();
  const offer = useOffer();
  const { data } = useQuery({
    queryKey: ["chats", "palette", text],
    queryFn: ({ signal }) =>
      request<{ chats: FoundChat[] }>(`/api/domov/chats${query({ query: text, limit: 20 })}`, { signal }),
    enabled: offer?.features.includes("chats") ?? false,
    placeholderData: (before) => before,
  });
  return (data?.chats ?? []).map((chat) => ({
    id: `chat ${chat.id}`,
    group: t("palette.chats"),
    label: chat.title || t("chat.untitled"),
    ...(text && chat.snippet ? { detail: chat.snippet } : {}),
    icon: MessageSquare,
    run: () => go(chatPath(chat)),
  }));
}
