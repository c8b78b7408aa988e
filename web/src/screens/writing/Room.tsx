import { ArrowLeft, SlidersHorizontal, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/server";
import { Screen } from "@/app/Screen";
import { useShortcut } from "@/app/shortcuts";
import { useMedia } from "@/app/useMedia";
import { IconButton } from "@/components/Button";
import { Confirm, Drawer } from "@/components/Dialog";
import { ProblemBox, Skeleton } from "@/components/States";
import { useChatModels } from "../chat/data/models";
import { Editor } from "./Editor";
import { Panel } from "./Panel";
import { FIRST_SETTINGS, type Settings, type StoryChat, stories } from "./story";
import { useStory } from "./useStory";

const SAVE_MS = 600;

/** One story: its text in the middle, everything that the model is told besides at the side. */
export function Room({ id, onLeave }: { id: string; onLeave: () => void }) {
  const { t } = useTranslation("writing");
  const wide = useMedia("(min-width: 1080px)");
  const [beside, showBeside] = useState(true);
  const [drawer, openDrawer] = useState(false);
  const [asking, ask] = useState(false);
  const story = useStory(id);
  const { chat, error, change, flush } = useChat(id, story.story?.title);
  const panel = chat && (
    <Panel
      options={chat.settings.options ?? {}}
      story={{ ...FIRST_SETTINGS, ...chat.settings.story }}
      onOptions={(options) => change({ settings: { ...chat.settings, options } })}
      onStory={(part) =>
        change({ settings: { ...chat.settings, story: { ...FIRST_SETTINGS, ...chat.settings.story, ...part } } })
      }
    />
  );
  const toggle = () => (wide ? showBeside(!beside) : openDrawer(true));
  useShortcut("Mod+.", t("panel"), toggle);
  const remove = () => {
    stories.remove(id).then(() => {
      queries.invalidateQueries({ queryKey: ["stories"] });
      onLeave();
    });
  };
  return (
    <Screen
      title={chat?.title || t("untitled")}
      bare
      bar={
        <>
          <IconButton small icon={ArrowLeft} label={t("all")} onClick={() => story.save().then(onLeave, onLeave)} />
          <input
            aria-label={t("name")}
            value={chat?.title ?? ""}
            placeholder={t("untitled")}
            onChange={(event) => change({ title: event.target.value })}
            className="h-8 min-w-0 flex-1 rounded-small bg-transparent px-2 text-base font-medium"
          />
          <Models model={chat?.model ?? null} onChange={(model) => change({ model })} />
        </>
      }
      actions={
        <>
          <IconButton small icon={Trash2} label={t("delete")} onClick={() => ask(true)} />
          <IconButton
            small
            icon={SlidersHorizontal}
            label={t("panel")}
            keys="Mod+."
            pressed={wide && beside}
            onClick={toggle}
          />
        </>
      }
    >
      <div className="flex min-h-0 flex-1">
        <div className="flex min-w-0 flex-1 flex-col">
          {error !== null && <ProblemBox error={error} className="mx-4 mt-3" />}
          {story.story ? <Editor id={id} open={story} prepared={flush} /> : <Skeleton className="p-6" />}
        </div>
        {wide && beside && (
          <section
            aria-label={t("panel")}
            className="w-[340px] shrink-0 overflow-y-auto border-l border-line bg-side p-4"
          >
            {panel}
          </section>
        )}
      </div>
      <Drawer open={drawer && !wide} onClose={() => openDrawer(false)} title={t("panel")} side="right">
        <div className="min-h-0 flex-1 overflow-y-auto p-4">{panel}</div>
      </Drawer>
      <Confirm
        open={asking}
        onClose={() => ask(false)}
        title={t("delete")}
        text={t("deleteText")}
        action={t("delete")}
        danger
        onConfirm={remove}
      />
    </Screen>
  );
}

function Models({ model, onChange }: { model: string | null; onChange: (model: string) => void }) {
  const { t } = useTranslation("writing");
  const models = useChatModels() ?? [];
  const known = model === null || models.some(({ id }) => id === model);
  return (
    <select
      aria-label={t("model")}
      value={model ?? ""}
      onChange={(event) => onChange(event.target.value)}
      className="h-8 max-w-[40vw] truncate rounded-base border border-line bg-transparent px-2 text-small text-text-2"
    >
      {model === null && <option value="">{t("noModel")}</option>}
      {!known && <option value={model ?? ""}>{model}</option>}
      {models.map(({ id }) => (
        <option key={id}>{id}</option>
      ))}
    </select>
  );
}

/** The story's chat: what is changed is seen at once and kept a moment later. */
function useChat(id: string, title: string | undefined) {
  const [chat, setChat] = useState<StoryChat | null>(null);
  const [error, setError] = useState<unknown>(null);
  const waiting = useRef<Partial<StoryChat> & { settings?: Settings }>({});
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const keep = useRef(async () => {});
  keep.current = async () => {
    clearTimeout(timer.current);
    const changes = waiting.current;
    waiting.current = {};
    if (Object.keys(changes).length > 0) {
      await stories.change(id, changes).then(() => setError(null), setError);
    }
  };
  useEffect(() => {
    stories.chat(id).then(setChat, setError);
    return () => void keep.current();
  }, [id]);
  useEffect(() => {
    if (title && !("title" in waiting.current)) setChat((before) => before && { ...before, title });
  }, [title]);
  const change = (part: Partial<StoryChat>) => {
    setChat((before) => before && { ...before, ...part });
    waiting.current = { ...waiting.current, ...part };
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void keep.current(), SAVE_MS);
  };
  return { chat, error, change, flush: () => keep.current() };
}
