import { X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMedia } from "@/app/useMedia";
import { IconButton } from "@/components/Button";
import { Drawer } from "@/components/Dialog";
import { NumberSlider, Select, Switch, TextArea } from "@/components/Field";
import { Assistants } from "./Assistants";
import type { Settings } from "./data/chats";
import type { ChatState } from "./data/useChat";

const PAUSE_MS = 500;

export interface Panel {
  open: boolean;
  toggle: () => void;
  close: () => void;
}

export function usePanel(): Panel {
  const [open, setOpen] = useState(false);
  return { open, toggle: () => setOpen(!open), close: () => setOpen(false) };
}

/** What holds for all answers of a chat: beside it, or on a narrow page above it. */
export function SidePanel({ state, panel }: { state: ChatState; panel: Panel }) {
  const { t } = useTranslation("chat");
  const wide = useMedia("(min-width: 1100px)");
  const content = <Form key={state.chat?.id ?? "new"} state={state} />;
  if (!wide) {
    return (
      <Drawer open={panel.open} onClose={panel.close} side="right" title={t("panel.title")}>
        <div className="min-h-0 flex-1 overflow-y-auto p-4">{content}</div>
      </Drawer>
    );
  }
  if (!panel.open) return null;
  return (
    <aside aria-label={t("panel.title")} className="flex w-80 shrink-0 flex-col border-l border-line bg-side">
      <div className="flex h-11 shrink-0 items-center pr-2 pl-4">
        <h2 className="flex-1 text-base">{t("panel.title")}</h2>
        <IconButton small icon={X} label={t("frame:close")} onClick={panel.close} />
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto px-4 pt-1 pb-6">{content}</div>
    </aside>
  );
}

interface Slider {
  name: string;
  min: number;
  max: number;
  step: number;
}

const SLIDERS: readonly Slider[] = [
  { name: "temperature", min: 0, max: 2, step: 0.05 },
  { name: "top_p", min: 0, max: 1, step: 0.01 },
  { name: "top_k", min: 0, max: 200, step: 1 },
  { name: "min_p", min: 0, max: 1, step: 0.01 },
  { name: "repeat_penalty", min: 0.5, max: 2, step: 0.01 },
  { name: "max_tokens", min: 1, max: 8192, step: 1 },
];

function Form({ state }: { state: ChatState }) {
  const { t } = useTranslation("chat");
  const [settings, set] = useSettings(state);
  const options = settings.options ?? {};
  const setOption = (name: string, value: unknown) => {
    const { [name]: _, ...others } = options;
    set({ ...settings, options: value === null ? others : { ...others, [name]: value } });
  };
  const numberOf = (name: string) => (typeof options[name] === "number" ? options[name] : null);
  const thinks = options.think === undefined ? "" : String(options.think);
  return (
    <div className="flex flex-col gap-5">
      <Assistants settings={settings} model={state.model} onChange={set} onModel={state.actions.setModel} />
      <TextArea
        label={t("panel.system")}
        hint={t("panel.systemHint")}
        rows={4}
        value={settings.system ?? ""}
        onChange={(event) => set({ ...settings, system: event.target.value })}
        className="max-h-64 min-h-24"
      />
      {SLIDERS.map(({ name, ...range }) => (
        <NumberSlider
          key={name}
          label={t(`panel.${name}`)}
          hint={t(`panel.${name}Hint`)}
          fallback={t("panel.own")}
          value={numberOf(name)}
          onChange={(value) => setOption(name, value)}
          {...range}
        />
      ))}
      <Select
        label={t("panel.think")}
        hint={t("panel.thinkHint")}
        value={thinks}
        options={["", "true", "false", "low", "medium", "high"].map((value) => ({
          value,
          label: t(`panel.thinks.${value || "own"}`),
        }))}
        onChange={({ target: { value } }) =>
          setOption("think", value === "" ? null : value === "true" ? true : value === "false" ? false : value)
        }
      />
      <Switch
        label={t("panel.titles")}
        hint={t("panel.titlesHint")}
        checked={settings.title === "auto"}
        onChange={(auto) => set({ ...settings, title: auto ? "auto" : "words" })}
      />
    </div>
  );
}

/** Settings as they are typed; the server has them half a second later. */
function useSettings({ settings, actions }: ChatState): [Settings, (settings: Settings) => void] {
  const [local, setLocal] = useState(settings);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const unsaved = useRef<(() => void) | null>(null);
  useEffect(() => {
    if (!unsaved.current) setLocal(settings);
  }, [settings]);
  useEffect(() => () => unsaved.current?.(), []);
  const set = (changed: Settings) => {
    setLocal(changed);
    clearTimeout(timer.current);
    unsaved.current = () => {
      unsaved.current = null;
      actions.setSettings(changed);
    };
    timer.current = setTimeout(() => unsaved.current?.(), PAUSE_MS);
  };
  return [local, set];
}
