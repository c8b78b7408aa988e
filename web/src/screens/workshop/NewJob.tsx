import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Clock, HardDrive, MemoryStick } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useSearch } from "wouter";
import { request } from "@/api/client";
import { modelsQuery } from "@/api/server";
import { bytes, seconds } from "@/app/formats";
import { Screen } from "@/app/Screen";
import { Button } from "@/components/Button";
import { Switch } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { BackBar } from "./BackBar";
import { JobField } from "./JobField";
import { type Forecast, JOBS, type Kind, kindsQuery, type Parameters, type Schema, type WholeJob } from "./jobs";
import { kindTitle, plain, said } from "./words";

const SETTLED_MS = 300;

/** A job as a form: it says what it does, and what it takes, before it begins. */
export function NewJob({ kind: name }: { kind: string }) {
  const { t } = useTranslation("workshop");
  const kinds = useQuery(kindsQuery);
  const models = useQuery(modelsQuery);
  const title = kindTitle(t, name);
  const kind = kinds.data?.find(({ kind }) => kind === name);
  const names = models.data?.map(({ id }) => id);
  return (
    <Screen title={title} bar={<BackBar title={title} />}>
      {kinds.isError && <ProblemBox error={kinds.error} onRetry={kinds.refetch} />}
      {models.isError && <ProblemBox error={models.error} onRetry={models.refetch} />}
      {(kinds.isPending || models.isPending) && <Skeleton />}
      {kinds.data && !kind && <ProblemBox error={new Error(t("noKind", { kind: name }))} />}
      {kind && names && (names.length ? <Form kind={kind} models={names} /> : <NoModels />)}
    </Screen>
  );
}

function NoModels() {
  const { t } = useTranslation("workshop");
  return <EmptyState icon={HardDrive} title={t("noModels.title")} text={t("noModels.text")} />;
}

type Values = Record<string, unknown>;

function Form({ kind, models }: { kind: Kind; models: readonly string[] }) {
  const { t } = useTranslation("workshop");
  const [, go] = useLocation();
  const given = Object.fromEntries(new URLSearchParams(useSearch()));
  const [values, setValues] = useState<Values>(() => firstValues(kind, models, given));
  const [agreed, agree] = useState(false);
  const told = sent(values);
  const ready = (kind.parameters.required ?? []).every((field) => told[field] !== undefined);
  const foretold = useForecast(kind.kind, told, ready);
  const doubts = foretold.data?.doubts ?? [];
  const start = useMutation({
    mutationFn: () =>
      request<WholeJob>(JOBS, {
        method: "POST",
        body: { kind: kind.kind, parameters: told, agreed: doubts.length > 0 && agreed },
      }),
    onSuccess: (job) => go(`/home/workshop/${job.id}`),
  });
  const change = (field: string, value: unknown) => {
    agree(false);
    start.reset();
    setValues((before) => ({ ...before, [field]: value }));
  };
  const fields = Object.entries(kind.parameters.properties);
  return (
    <form
      className="grid gap-8 lg:grid-cols-[1fr_320px]"
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate();
      }}
    >
      <div className="flex flex-col gap-5">
        <p className="max-w-prose text-base text-text-2">{said(t, `kinds.${kind.kind}.long`, kind.words)}</p>
        {fields.map(([field, schema]) => {
          const common = { kind: kind.kind, models, onChange: (value: unknown) => change(field, value) };
          const part = partOf(kind, schema);
          return part ? (
            <Part key={field} {...common} name={field} part={part} value={values[field]} />
          ) : (
            <JobField key={field} {...common} name={field} schema={schema} value={values[field]} />
          );
        })}
      </div>
      <aside aria-label={t("needs.title")} className="flex flex-col gap-4 lg:sticky lg:top-0 lg:self-start">
        <Needs forecast={foretold.data} error={foretold.error} ready={ready} kind={kind} />
        {doubts.length > 0 && (
          <div className="rounded-base border border-line bg-warn-soft p-3 text-base">
            {doubts.map((doubt) => (
              <p key={doubt} className="mb-2">
                {plain(t, doubt)}
              </p>
            ))}
            <Switch label={t("agree")} checked={agreed} onChange={agree} />
          </div>
        )}
        {start.isError && <ProblemBox error={start.error} />}
        <Button
          type="submit"
          look="primary"
          disabled={!ready || Boolean(foretold.error) || start.isPending || (doubts.length > 0 && !agreed)}
        >
          {t("start")}
        </Button>
      </aside>
    </form>
  );
}

/** The fields of a parameter that has some of its own. */
function partOf(kind: Kind, schema: Schema): Parameters | undefined {
  const name = schema.$ref?.split("/").pop();
  return name ? kind.parameters.$defs?.[name] : undefined;
}

/** Fields that most people leave as they are. */
function Part(props: {
  kind: string;
  name: string;
  part: Parameters;
  models: readonly string[];
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  const { t } = useTranslation("workshop");
  const values = (props.value ?? {}) as Values;
  return (
    <details className="rounded-base border border-line px-4 py-3">
      <summary className="w-fit cursor-pointer rounded-small text-base">
        {said(t, `fields.${props.name}`, props.name)}
      </summary>
      <div className="mt-4 flex flex-col gap-5">
        {Object.entries(props.part.properties).map(([field, schema]) => (
          <JobField
            key={field}
            kind={props.kind}
            name={field}
            schema={schema}
            models={props.models}
            value={values[field]}
            onChange={(value) => props.onChange(sent({ ...values, [field]: value }))}
          />
        ))}
      </div>
    </details>
  );
}

/** What a field begins with: what the address says, the schema's default, or the first model there is. */
function firstValues(kind: Kind, models: readonly string[], given: Values): Values {
  const values: Values = {};
  for (const [field, schema] of Object.entries(kind.parameters.properties)) {
    values[field] = given[field] ?? schema.default ?? undefined;
  }
  if ("type" in values) values.type ??= "Q4_K_M";
  for (const field of ["model", "first", "teacher"]) if (field in values) values[field] ??= models[0];
  for (const field of ["second", "student"]) if (field in values) values[field] ??= models[1] ?? models[0];
  if (kind.kind === "distill") values.data = ["builtin"];
  if (kind.kind === "prune") values.width = 0.1;
  if (kind.kind === "shrink" && !values.fit_bytes) values.fit_bytes = 100_000_000;
  return values;
}

/** What is sent: without what is not said. */
function sent(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([, value]) => value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && !value.length),
    ),
  );
}

function useForecast(kind: string, parameters: Values, ready: boolean) {
  const text = JSON.stringify(parameters);
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(settle, SETTLED_MS, text);
    return () => clearTimeout(timer);
  }, [text]);
  return useQuery({
    queryKey: ["jobs", "forecast", kind, settled],
    queryFn: ({ signal }) =>
      request<Forecast>(`${JOBS}/forecast`, {
        method: "POST",
        body: { kind, parameters: JSON.parse(settled) },
        signal,
      }),
    enabled: ready,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 2000,
  });
}

function Needs(props: { forecast: Forecast | undefined; error: unknown; ready: boolean; kind: Kind }) {
  const { t } = useTranslation("workshop");
  const { forecast, error, ready, kind } = props;
  return (
    <section className="rounded-base border border-line bg-raised p-4">
      <h2 className="mb-3 text-base font-medium">{t("needs.title")}</h2>
      {!ready && <p className="text-base text-text-2">{t("needs.notReady")}</p>}
      {ready && Boolean(error) && <ProblemBox error={error} />}
      {ready && !error && !forecast && <Skeleton />}
      {ready && !error && forecast && (
        <ul className="flex flex-col gap-2 text-base">
          <Need icon={<MemoryStick size={17} aria-hidden />} label={t("needs.memory")}>
            {forecast.needs.memory_bytes ? bytes(forecast.needs.memory_bytes) : t("needs.little")}
          </Need>
          <Need icon={<HardDrive size={17} aria-hidden />} label={t("needs.disk")}>
            {forecast.needs.disk_bytes ? bytes(forecast.needs.disk_bytes) : t("needs.none")}
          </Need>
          <Need icon={<Clock size={17} aria-hidden />} label={t("needs.time")}>
            {forecast.seconds === null
              ? t("needs.unknown")
              : t("needs.about", { time: seconds(Math.max(1, forecast.seconds)) })}
          </Need>
          {forecast.seconds !== null && (
            <li className="text-small text-text-3">{t(forecast.measured ? "needs.measured" : "needs.guessed")}</li>
          )}
          {forecast.waits && <li className="text-small text-warn">{t("waits", { what: plain(t, forecast.waits) })}</li>}
        </ul>
      )}
      <p className="mt-3 border-t border-line pt-3 text-small text-text-3">
        {t(kind.pausing === "held" ? "needs.held" : "needs.left")}
      </p>
    </section>
  );
}

function Need({ icon, label, children }: { icon: ReactNode; label: string; children: ReactNode }) {
  return (
    <li className="flex items-center gap-2">
      <span className="text-text-3">{icon}</span>
      <span className="flex-1 text-text-2">{label}</span>
      <span className="tabular">{children}</span>
    </li>
  );
}
