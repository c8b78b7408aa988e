import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { NumberSlider, Switch, TextArea, TextField } from "@/components/Field";
import type { WorldEntry } from "./story";

const FIRST = { keys: [], also: [], text: "", constant: false, enabled: true };

/** What is known of the story's world: each entry is told when one of its words stands near the end of the text. */
export function World(props: {
  entries: WorldEntry[];
  scan: number;
  onChange: (entries: WorldEntry[]) => void;
  onScan: (tokens: number) => void;
}) {
  const { t } = useTranslation("writing");
  const { onChange } = props;
  const entries = props.entries.map((entry) => ({ ...FIRST, ...entry })); // one that a program has made may lack fields
  const change = (place: number, part: Partial<WorldEntry>) =>
    onChange(entries.map((entry, at) => (at === place ? { ...entry, ...part } : entry)));
  return (
    <div className="flex flex-col gap-4">
      <p className="text-small text-text-2">{t("world.text")}</p>
      {entries.map((entry, place) => (
        <Entry
          key={entry.id ?? place}
          entry={entry}
          onChange={(part) => change(place, part)}
          onRemove={() => onChange(entries.filter((_, at) => at !== place))}
        />
      ))}
      <Button small icon={Plus} onClick={() => onChange([...entries, { ...FIRST, id: newId() }])}>
        {t("world.add")}
      </Button>
      <NumberSlider
        label={t("world.scan")}
        hint={t("world.scanHint")}
        value={props.scan}
        fallback="1000"
        min={0}
        max={8000}
        step={100}
        onChange={(value) => props.onScan(value ?? 1000)}
      />
    </div>
  );
}

function newId(): string {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

function Entry(props: { entry: WorldEntry; onChange: (part: Partial<WorldEntry>) => void; onRemove: () => void }) {
  const { t } = useTranslation("writing");
  const { entry, onChange } = props;
  const [open, setOpen] = useState(!entry.text);
  return (
    <details
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
      className="rounded-base border border-line bg-raised"
    >
      <summary className="truncate px-3 py-2 text-base">
        {entry.keys.join(", ") || (entry.constant ? t("world.always") : t("world.unnamed"))}
        {!entry.enabled && <span className="text-text-3"> · {t("world.off")}</span>}
      </summary>
      <div className="flex flex-col gap-4 border-t border-line p-3">
        <Words
          label={t("world.keys")}
          hint={t("world.keysHint")}
          words={entry.keys}
          onChange={(keys) => onChange({ keys })}
        />
        <TextArea
          label={t("world.what")}
          rows={3}
          value={entry.text}
          onChange={(event) => onChange({ text: event.target.value })}
        />
        <Words
          label={t("world.also")}
          hint={t("world.alsoHint")}
          words={entry.also}
          onChange={(also) => onChange({ also })}
        />
        <Switch label={t("world.constant")} checked={entry.constant} onChange={(constant) => onChange({ constant })} />
        <Switch label={t("world.enabled")} checked={entry.enabled} onChange={(enabled) => onChange({ enabled })} />
        <Button small look="danger" icon={Trash2} onClick={props.onRemove}>
          {t("world.remove")}
        </Button>
      </div>
    </details>
  );
}

/** Words with commas between them; what is typed stays as it is typed. */
function Words(props: { label: string; hint: string; words: string[]; onChange: (words: string[]) => void }) {
  const [typed, setTyped] = useState(props.words.join(", "));
  return (
    <TextField
      label={props.label}
      hint={props.hint}
      value={typed}
      onChange={(event) => {
        setTyped(event.target.value);
        props.onChange(
          event.target.value
            .split(",")
            .map((word) => word.trim())
            .filter(Boolean),
        );
      }}
    />
  );
}
