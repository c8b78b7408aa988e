import { useState } from "react";
import { useTranslation } from "react-i18next";
import { NumberSlider, Switch, TextArea } from "@/components/Field";
import { Tabs } from "@/components/Tabs";
import { Sampling } from "./Sampling";
import type { Options, StorySettings } from "./story";
import { World } from "./World";

type Tab = "notes" | "world" | "sampling";

/** What the model is told besides the text, and how it chooses its words. */
export function Panel(props: {
  options: Options;
  story: StorySettings;
  onOptions: (options: Options) => void;
  onStory: (part: Partial<StorySettings>) => void;
}) {
  const { t } = useTranslation("writing");
  const [tab, setTab] = useState<Tab>("notes");
  return (
    <Tabs
      value={tab}
      onChange={setTab}
      tabs={[
        { value: "notes", label: t("notes.label"), content: <Notes {...props} /> },
        {
          value: "world",
          label: t("world.label"),
          content: (
            <World
              entries={props.story.world}
              scan={props.story.scan_tokens}
              onChange={(world) => props.onStory({ world })}
              onScan={(scan_tokens) => props.onStory({ scan_tokens })}
            />
          ),
        },
        {
          value: "sampling",
          label: t("sampling.label"),
          content: <Sampling options={props.options} onChange={props.onOptions} />,
        },
      ]}
    />
  );
}

function Notes(props: {
  options: Options;
  story: StorySettings;
  onOptions: (options: Options) => void;
  onStory: (part: Partial<StorySettings>) => void;
}) {
  const { t } = useTranslation("writing");
  const { story, options } = props;
  const length = options.max_tokens;
  return (
    <div className="flex flex-col gap-5">
      <TextArea
        label={t("notes.memory")}
        hint={t("notes.memoryHint")}
        rows={5}
        value={story.memory}
        onChange={(event) => props.onStory({ memory: event.target.value })}
      />
      <TextArea
        label={t("notes.note")}
        hint={t("notes.noteHint")}
        rows={3}
        value={story.note}
        onChange={(event) => props.onStory({ note: event.target.value })}
      />
      <NumberSlider
        label={t("notes.depth")}
        hint={t("notes.depthHint")}
        value={story.note_depth}
        fallback="160"
        min={0}
        max={1000}
        step={10}
        onChange={(value) => props.onStory({ note_depth: value ?? 160 })}
      />
      <NumberSlider
        label={t("notes.length")}
        hint={t("notes.lengthHint")}
        value={typeof length === "number" ? length : null}
        fallback="160"
        min={8}
        max={2048}
        step={8}
        onChange={(value) => {
          const { max_tokens: _, ...rest } = options;
          props.onOptions(value ? { ...rest, max_tokens: Math.round(value) } : rest);
        }}
      />
      <Switch
        label={t("notes.figures")}
        hint={t("notes.figuresHint")}
        checked={story.alternatives > 0}
        onChange={(on) => props.onStory({ alternatives: on ? 6 : 0 })}
      />
    </div>
  );
}
