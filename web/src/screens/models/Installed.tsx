import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Boxes, Ellipsis, LineChart, MessageSquare, SlidersHorizontal, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { covers, useOffer } from "@/api/server";
import { bytes, number, seconds } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { Menu, MenuItem, MenuLine } from "@/components/Menu";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { rememberModel } from "@/screens/chat/data/models";
import { screensFor } from "@/screens/registry";
import { installedQuery, load, type Installed as Model, remove, unload } from "./api";
import { Fit } from "./Fit";
import { ParametersDialog } from "./Parameters";

/** The models that are here, those in memory first. */
export function Installed({ onFind }: { onFind: () => void }) {
  const { t } = useTranslation("models");
  const { data, error, refetch } = useQuery(installedQuery);
  if (error) return <ProblemBox error={error} onRetry={refetch} />;
  if (!data) return <Skeleton lines={5} />;
  if (!data.length) {
    return (
      <EmptyState
        icon={Boxes}
        title={t("empty.title")}
        text={t("empty.text")}
        action={
          <Button look="primary" onClick={onFind}>
            {t("empty.action")}
          </Button>
        }
      />
    );
  }
  const rows = [...data].sort((a, b) => Number(!a.loaded) - Number(!b.loaded) || a.name.localeCompare(b.name));
  return (
    <ul aria-label={t("tabs.installed")} className="rounded-base border border-line">
      {rows.map((model) => (
        <Row key={model.name} model={model} />
      ))}
    </ul>
  );
}

function Row({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  const offer = useOffer();
  const mayChange = offer ? covers(offer, "models") : false;
  const client = useQueryClient();
  const [dialog, setDialog] = useState<"" | "parameters" | "delete">("");
  const act = useMutation({
    mutationFn: (action: (name: string) => Promise<unknown>) => action(model.name),
    onSettled: () => client.invalidateQueries({ queryKey: ["models"] }),
  });
  const state = act.isPending && act.variables === load ? "loading" : model.loaded?.state;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-4 py-3 first:border-t-0">
      <div className="min-w-56 flex-1">
        <div className="flex flex-wrap items-center gap-2">
          <span className="min-w-0 font-medium break-all">{model.name}</span>
          {state && <Badge tone={state === "loading" ? "warn" : "accent"}>{t(`memory.${state}`)}</Badge>}
          {model.has_preset && <Badge>{t("hasPreset")}</Badge>}
        </div>
        <p className="text-small text-text-2">{facts(model, t)}</p>
        {model.loaded && <p className="text-small text-text-3">{memoryWords(model.loaded, t)}</p>}
        {model.problem && <p className="text-small break-words text-bad">{model.problem}</p>}
      </div>
      {model.plan && <Fit plan={model.plan} />}
      <div className="flex min-w-32 items-center justify-end gap-1">
        {!model.problem &&
          (model.loaded && state !== "loading" ? (
            mayChange && (
              <Button
                small
                disabled={act.isPending}
                aria-label={t("unloadModel", { model: model.name })}
                onClick={() => act.mutate(unload)}
              >
                {t("unload")}
              </Button>
            )
          ) : (
            <Button
              small
              disabled={act.isPending || state === "loading"}
              aria-label={t("loadModel", { model: model.name })}
              onClick={() => act.mutate(load)}
            >
              {t(state === "loading" ? "loadingNow" : "load")}
            </Button>
          ))}
        <More model={model} mayChange={mayChange} onOpen={setDialog} />
      </div>
      {act.error && <ProblemBox error={act.error} className="w-full" />}
      {dialog === "parameters" && <ParametersDialog model={model.name} onClose={() => setDialog("")} />}
      <Confirm
        open={dialog === "delete"}
        onClose={() => setDialog("")}
        title={t("delete.title", { model: model.name })}
        text={t(model.path ? "delete.kept" : "delete.text", { size: bytes(model.size_bytes) })}
        action={t("delete.action")}
        danger
        onConfirm={() => act.mutate(remove)}
      />
    </li>
  );
}

function More(props: { model: Model; mayChange: boolean; onOpen: (dialog: "parameters" | "delete") => void }) {
  const { t } = useTranslation("models");
  const [, go] = useLocation();
  const card = screensFor(useOffer()).find((screen) => screen.name === "card");
  const { model, mayChange } = props;
  return (
    <Menu align="end" trigger={<IconButton small icon={Ellipsis} label={t("more", { model: model.name })} />}>
      {model.chats && (
        <MenuItem
          icon={MessageSquare}
          onSelect={() => {
            rememberModel(model.name);
            go("/");
          }}
        >
          {t("chat")}
        </MenuItem>
      )}
      {card && (
        <MenuItem icon={LineChart} onSelect={() => go(`${card.path}/${encodeURIComponent(model.name)}`)}>
          {t("card")}
        </MenuItem>
      )}
      {mayChange && (
        <>
          <MenuItem icon={SlidersHorizontal} onSelect={() => props.onOpen("parameters")}>
            {t("parametersOf")}
          </MenuItem>
          <MenuLine />
          <MenuItem icon={Trash2} danger onSelect={() => props.onOpen("delete")}>
            {t("delete.action")}
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

type T = (key: string, values?: Record<string, unknown>) => string;

function facts(model: Model, t: T): string {
  return [
    bytes(model.size_bytes),
    model.parameters &&
      t("parameters", { count: number(model.parameters, { notation: "compact", maximumSignificantDigits: 3 }) }),
    model.quantization !== "unknown" && model.quantization,
    model.task && model.task !== "chat" && t(`kinds.${model.task}`),
    model.licence,
    model.lineage && t("madeOf", { model: model.lineage.parent }),
  ]
    .filter(Boolean)
    .join(" · ");
}

function memoryWords(row: NonNullable<Model["loaded"]>, t: T): string {
  return [
    row.memory_bytes > 0 && t("memory.takes", { size: bytes(row.memory_bytes) }),
    t("memory.context", { tokens: number(row.context_tokens) }),
    row.expires_in_seconds === null ? "" : t("memory.goes", { time: seconds(row.expires_in_seconds) }),
  ]
    .filter(Boolean)
    .join(" · ");
}
