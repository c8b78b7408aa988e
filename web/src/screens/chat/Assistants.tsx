import { useQuery, useQueryClient } from "@tanstack/react-query";
import { BookmarkPlus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { Button, IconButton } from "@/components/Button";
import { Confirm, Dialog } from "@/components/Dialog";
import { Select, TextField } from "@/components/Field";
import { ProblemBox } from "@/components/States";
import { type Assistant, assistantsQuery, type Settings } from "./data/chats";

interface AssistantsProps {
  settings: Settings;
  model: string | null;
  onChange: (settings: Settings) => void;
  onModel: (model: string) => void;
}

/** Kept presets: a chat takes one over, and what it says itself stands above it. */
export function Assistants({ settings, model, onChange, onModel }: AssistantsProps) {
  const { t } = useTranslation("chat");
  const client = useQueryClient();
  const { data = [] } = useQuery(assistantsQuery);
  const [task, setTask] = useState<"save" | "delete" | null>(null);
  const chosen = data.find((one) => one.id === settings.assistant);
  const take = (id: string) => {
    const assistant = data.find((one) => one.id === id);
    onChange({ ...settings, assistant: assistant?.id ?? null });
    if (assistant?.model) onModel(assistant.model);
  };
  const remove = async (assistant: Assistant) => {
    await request(`/api/domov/assistants/${encodeURIComponent(assistant.id)}`, { method: "DELETE" });
    await client.invalidateQueries({ queryKey: assistantsQuery.queryKey });
    onChange({ ...settings, assistant: null });
  };
  return (
    <div className="flex items-end gap-1">
      <div className="min-w-0 flex-1">
        <Select
          label={t("assistant.label")}
          value={chosen?.id ?? ""}
          options={[
            { value: "", label: t("assistant.none") },
            ...data.map(({ id, name }) => ({ value: id, label: name })),
          ]}
          onChange={(event) => take(event.target.value)}
        />
      </div>
      <IconButton icon={BookmarkPlus} label={t("assistant.save")} onClick={() => setTask("save")} />
      {chosen && <IconButton icon={Trash2} label={t("assistant.delete")} onClick={() => setTask("delete")} />}
      {task === "save" && (
        <Save
          settings={settings}
          model={model}
          onClose={() => setTask(null)}
          onSaved={(id) => onChange({ ...settings, assistant: id })}
        />
      )}
      {chosen && (
        <Confirm
          open={task === "delete"}
          onClose={() => setTask(null)}
          title={t("assistant.delete")}
          text={t("assistant.deleteText", { name: chosen.name })}
          action={t("delete")}
          danger
          onConfirm={() => remove(chosen)}
        />
      )}
    </div>
  );
}

function Save(props: { settings: Settings; model: string | null; onClose: () => void; onSaved: (id: string) => void }) {
  const { t } = useTranslation("chat");
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [failure, setFailure] = useState<unknown>(null);
  const { system = "", options = {}, documents = [] } = props.settings;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const body = { name: name.trim(), model: props.model, system, options, documents };
      const made = await request<Assistant>("/api/domov/assistants", { method: "POST", body });
      await client.invalidateQueries({ queryKey: assistantsQuery.queryKey });
      props.onSaved(made.id);
      props.onClose();
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Dialog open onClose={props.onClose} title={t("assistant.save")} text={t("assistant.saveText")}>
      <form onSubmit={save} className="flex flex-col gap-4 pb-2">
        <TextField
          label={t("assistant.name")}
          autoFocus
          required
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        {failure !== null && <ProblemBox error={failure} />}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={props.onClose}>
            {t("cancel")}
          </Button>
          <Button look="primary" type="submit" disabled={!name.trim()}>
            {t("save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
