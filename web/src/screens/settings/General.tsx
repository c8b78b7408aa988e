import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { offerQuery, useOffer } from "@/api/server";
import { matching } from "@/app/commands";
import { prefer, usePreferences } from "@/app/preferences";
import { chosenLanguage, LANGUAGES, nameOf } from "@/app/words";
import { Badge } from "@/components/Badge";
import { Button } from "@/components/Button";
import { Select, Switch, TextField } from "@/components/Field";
import { ProblemBox, Skeleton } from "@/components/States";
import { Section } from "./Section";

type Value = boolean | number | string | string[];

interface Setting {
  name: string;
  words: string;
  value: Value;
  default: Value;
  choices: string[];
  least: number | null;
  most: number | null;
  changeable: boolean;
  at_once: boolean;
  waits: boolean;
}

/** How this browser looks, and what the server does. */
export default function General() {
  return (
    <>
      <Browser />
      {useOffer()?.features.includes("settings") && <Server />}
    </>
  );
}

function Browser() {
  const { t, i18n } = useTranslation("settings");
  const { theme } = usePreferences();
  return (
    <Section title={t("frame:preferences.label")} text={t("browser")}>
      <div className="grid gap-3 sm:grid-cols-2">
        <Select
          label={t("frame:preferences.theme")}
          value={theme}
          options={(["system", "light", "dark"] as const).map((value) => ({
            value,
            label: t(`frame:preferences.${value}`),
          }))}
          onChange={(event) => prefer({ theme: event.target.value as typeof theme })}
        />
        <Select
          label={t("frame:preferences.language")}
          value={chosenLanguage()}
          options={LANGUAGES.map((value) => ({ value, label: nameOf(value) }))}
          onChange={(event) => {
            prefer({ language: event.target.value });
            i18n.changeLanguage(event.target.value);
          }}
        />
      </div>
    </Section>
  );
}

function Server() {
  const { t } = useTranslation(["settings", "config"]);
  const [text, setText] = useState("");
  const settings = useQuery({
    queryKey: ["settings"],
    queryFn: async ({ signal }) => (await request<{ settings: Setting[] }>("/api/domov/settings", { signal })).settings,
  });
  const found = matching(
    text,
    (settings.data ?? []).map((setting) => ({
      ...setting,
      label: `${setting.name} ${setting.name.replaceAll("_", " ")}`,
      detail: t(setting.name, { ns: "config", defaultValue: setting.words }),
    })),
  );
  return (
    <Section title={t("server.title")} text={t("server.text")}>
      <div className="relative">
        <Search size={16} aria-hidden className="absolute top-2.5 left-3 text-text-3" />
        <input
          type="search"
          aria-label={t("server.search")}
          placeholder={t("server.search")}
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="h-9 w-full rounded-base border border-line-strong bg-raised pr-3 pl-9 text-base"
        />
      </div>
      {settings.isError && <ProblemBox error={settings.error} onRetry={settings.refetch} />}
      {settings.isPending && <Skeleton lines={6} />}
      {settings.data && !found.length && <p className="text-base text-text-3">{t("server.nothing")}</p>}
      <ul className="flex flex-col divide-y divide-line">
        {found.map((setting) => (
          <Row key={setting.name} setting={setting} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ setting }: { setting: Setting & { detail: string } }) {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (value: Value | null) =>
      request("/api/domov/settings", { method: "PATCH", body: { settings: { [setting.name]: value } } }),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["settings"] }),
        client.invalidateQueries({ queryKey: offerQuery.queryKey }),
      ]),
  });
  const standard = JSON.stringify(setting.value) === JSON.stringify(setting.default);
  return (
    <li className="flex flex-col gap-2 py-4 sm:flex-row sm:gap-6">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-2">
          <code className="text-small font-medium break-all">{setting.name}</code>
          {setting.waits && <Badge tone="warn">{t("server.waits")}</Badge>}
          {!setting.changeable && <Badge>{t("server.fixed")}</Badge>}
        </p>
        <p className="text-small text-text-2">{spelled(setting.detail)}</p>
        <p className="text-small text-text-3">
          {t("server.default", { value: shown(setting.default, t("server.empty")) })}
          {!setting.at_once && setting.changeable && ` · ${t("server.restart")}`}
        </p>
        {change.error && <ProblemBox error={change.error} className="mt-2" />}
      </div>
      <div className="flex shrink-0 flex-col items-stretch gap-1 sm:w-56">
        <Control setting={setting} onChange={(value) => change.mutate(value)} />
        {!standard && setting.changeable && (
          <Button small look="quiet" onClick={() => change.mutate(null)}>
            {t("server.reset")}
          </Button>
        )}
      </div>
    </li>
  );
}

/** What stands between backticks is shown as it is typed. */
function spelled(words: string) {
  return words.split("`").map((part, at) => {
    const place = `${at} ${part}`;
    return at % 2 ? <code key={place}>{part}</code> : <span key={place}>{part}</span>;
  });
}

function shown(value: Value, empty: string): string {
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  return text || empty;
}

function Control({ setting, onChange }: { setting: Setting; onChange: (value: Value) => void }) {
  const { t } = useTranslation("settings");
  const text = Array.isArray(setting.value) ? setting.value.join(", ") : String(setting.value);
  const [draft, setDraft] = useState<string | null>(null);
  if (!setting.changeable) return <code className="text-small break-all text-text-2">{text || t("server.empty")}</code>;
  if (typeof setting.value === "boolean")
    return <Switch label={t(setting.value ? "server.on" : "server.off")} checked={setting.value} onChange={onChange} />;
  if (setting.choices.length)
    return (
      <Select
        label={setting.name}
        value={text}
        options={setting.choices.map((choice) => ({ value: choice, label: choice || t("server.empty") }))}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  const number = typeof setting.value === "number";
  const submit = () => {
    if (draft === null || draft === text) return setDraft(null);
    if (Array.isArray(setting.value))
      onChange(
        draft
          .split(",")
          .map((part) => part.trim())
          .filter(Boolean),
      );
    else onChange(number ? Number(draft) : draft);
    setDraft(null);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <TextField
        label={setting.name}
        type={number ? "number" : "text"}
        min={setting.least ?? undefined}
        max={setting.most ?? undefined}
        value={draft ?? text}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={submit}
      />
    </form>
  );
}
