import { useQuery } from "@tanstack/react-query";
import { Gauge } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { energyAndCost, number, seconds } from "@/app/formats";
import { Select } from "@/components/Field";
import { EmptyState, ProblemBox, Skeleton } from "@/components/States";
import { type Column, Table } from "@/components/Table";
import { Tabs } from "@/components/Tabs";
import { type Amount, type Usage, usageQuery } from "./api";
import { Days } from "./Days";

const SPANS = [7, 30, 90, 365];

/** What was used: figures for the whole time, and a table by day, model or person. */
export function Used() {
  const { t } = useTranslation("use");
  const [days, setDays] = useState(30);
  const { data, error, refetch } = useQuery(usageQuery(days));
  return (
    <section aria-labelledby="used">
      <div className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <h2 id="used" className="text-read">
          {t("used.title")}
        </h2>
        <div className="w-40">
          <Select
            label={t("used.span")}
            options={SPANS.map((span) => ({ value: String(span), label: t("used.days", { count: span }) }))}
            value={String(days)}
            onChange={(event) => setDays(Number(event.target.value))}
          />
        </div>
      </div>
      {error && <ProblemBox error={error} onRetry={refetch} />}
      {!data && !error && <Skeleton lines={5} />}
      {data &&
        (data.total.requests ? (
          <Told told={data} />
        ) : (
          <EmptyState icon={Gauge} title={t("used.nothing")} text={t("used.nothingText")} />
        ))}
    </section>
  );
}

function Told({ told }: { told: Usage }) {
  const { t } = useTranslation("use");
  const [by, setBy] = useState<"day" | "model" | "person">("day");
  const { total } = told;
  const people = told.person.map((row) => ({ ...row, name: row.name || t("used.thisComputer") }));
  return (
    <>
      <div className="mb-5 grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Figure
          label={t("used.requests")}
          value={number(total.requests)}
          text={total.failed ? t("used.failed", { count: total.failed, shown: number(total.failed) }) : ""}
        />
        <Figure
          label={t("used.tokens")}
          value={number(total.prompt_tokens + total.answer_tokens)}
          text={t("used.parts", { read: number(total.prompt_tokens), written: number(total.answer_tokens) })}
        />
        <Figure label={t("used.time")} value={seconds(total.seconds)} text={t("used.timeText")} />
        <Figure label={t("used.energy")} value={energyWords(total, told, t)} text={energyText(total, told, t)} />
      </div>
      <Tabs
        value={by}
        onChange={setBy}
        tabs={[
          {
            value: "day",
            label: t("used.by.day"),
            content: (
              <div className="flex flex-col gap-4">
                <Days told={told} />
                <Rows
                  told={told}
                  label={t("used.by.day")}
                  name={t("used.day")}
                  rows={[...told.day].reverse()}
                  nameOf={(row) => longDay(row.day)}
                />
              </div>
            ),
          },
          {
            value: "model",
            label: t("used.by.model"),
            content: (
              <Rows
                told={told}
                label={t("used.by.model")}
                name={t("used.model")}
                rows={told.model}
                nameOf={(row) => row.model}
              />
            ),
          },
          {
            value: "person",
            label: t("used.by.person"),
            content: (
              <Rows
                told={told}
                label={t("used.by.person")}
                name={t("used.person")}
                rows={people}
                nameOf={(row) => row.name}
              />
            ),
          },
        ]}
      />
    </>
  );
}

function Rows<Row extends Amount>(props: {
  told: Usage;
  label: string;
  name: string;
  rows: Row[];
  nameOf: (row: Row) => string;
}) {
  const { t } = useTranslation("use");
  const columns: Column<Row>[] = [
    { title: props.name, cell: props.nameOf, className: "break-all" },
    { title: t("used.requests"), cell: (row) => number(row.requests), right: true },
    { title: t("used.read"), cell: (row) => number(row.prompt_tokens), right: true },
    { title: t("used.known"), cell: (row) => number(row.cached_tokens), right: true },
    { title: t("used.written"), cell: (row) => number(row.answer_tokens), right: true },
    { title: t("used.time"), cell: (row) => seconds(row.seconds), right: true },
    { title: t("used.energy"), cell: (row) => energyWords(row, props.told, t), right: true },
  ];
  return <Table label={props.label} columns={columns} rows={props.rows} keyOf={(row) => props.nameOf(row)} />;
}

function Figure({ label, value, text }: { label: string; value: string; text: string }) {
  return (
    <div className="flex flex-col rounded-base border border-line bg-raised px-4 py-3">
      <span className="text-small text-text-2">{label}</span>
      <span className="tabular text-title">{value}</span>
      <span className="text-small text-text-3">{text}</span>
    </div>
  );
}

type T = (key: string, values?: Record<string, unknown>) => string;

function energyWords(row: Amount, { energy_estimated, currency }: Usage, t: T): string {
  return row.joules === null ? t("used.unknown") : energyAndCost(row.joules, row.cost, currency, energy_estimated);
}

function energyText(row: Amount, { energy_estimated }: Usage, t: T): string {
  if (row.joules === null) return t("used.noCounter");
  if (energy_estimated) return t("used.estimated");
  return row.measured < row.requests
    ? t("used.measured", { count: row.measured, shown: number(row.measured) })
    : t("used.all");
}

export function longDay(day: string): string {
  const [year, month, date] = day.split("-").map(Number);
  return new Intl.DateTimeFormat(document.documentElement.lang, {
    day: "numeric",
    month: "long",
    year: "numeric",
  }).format(new Date(year ?? 0, (month ?? 1) - 1, date));
}
