import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { bytes, number, percent, time } from "@/app/formats";
import { Chart } from "@/components/Chart";
import { Meter } from "@/components/Meter";
import type { CardUse, Sample, Use } from "./api";

const MOST_POINTS = 180;

/** How busy it is now, and was over the last hour. */
export function Now({ use }: { use: Use }) {
  const { t } = useTranslation("machine");
  const last = use.samples.at(-1);
  const points = useMemo(() => thinned(use.samples), [use.samples]);
  if (!last) return <p className="text-base text-text-2">{t("now.soon")}</p>;
  return (
    <section aria-labelledby="now">
      <h2 id="now" className="sr-only">
        {t("now.title")}
      </h2>
      <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        <Figure
          label={t("now.cpu")}
          value={percent(last.busy_share)}
          text={t("now.own", { share: percent(last.own_share) })}
          part={[last.own_share, 1, last.busy_share - last.own_share]}
        />
        <Figure
          label={t("now.memory")}
          value={bytes(last.used_bytes)}
          text={t("now.of", { total: bytes(last.total_bytes) })}
          part={[last.used_bytes, last.total_bytes]}
        />
        {last.cards.map((card, index) => (
          <CardFigure key={index} card={card} />
        ))}
        <Figure
          label={t("now.power")}
          value={
            last.watts === null
              ? t("now.unknown")
              : t("now.watts", { watts: number(last.watts, { maximumFractionDigits: 0 }) })
          }
          text={last.watts === null ? use.energy_unknown && t(`now.why.${use.energy_unknown}`) : t("now.powerText")}
        />
      </div>
      {points.length > 1 && <Hour points={points} />}
    </section>
  );
}

function Figure(props: { label: string; value: string; text: string; part?: [number, number, number?] }) {
  return (
    <div className="flex flex-col gap-1 rounded-base border border-line bg-raised px-4 py-3">
      <span className="text-small text-text-2">{props.label}</span>
      <span className="tabular text-title">{props.value}</span>
      {props.part && (
        <Meter
          label={props.label}
          value={props.part[0]}
          max={props.part[1]}
          more={props.part[2] ?? 0}
          text={props.value}
        />
      )}
      <span className="text-small break-words text-text-3">{props.text}</span>
    </div>
  );
}

function CardFigure({ card }: { card: CardUse }) {
  const { t } = useTranslation("machine");
  const { used_bytes: used, total_bytes: total } = card;
  const text = [
    used !== null && total !== null && t("now.memoryOf", { used: bytes(used), total: bytes(total) }),
    card.watts !== null && t("now.watts", { watts: number(card.watts, { maximumFractionDigits: 0 }) }),
    card.celsius !== null && `${number(card.celsius, { maximumFractionDigits: 0 })}\u00a0°C`,
  ].filter(Boolean);
  return (
    <Figure
      label={card.name}
      value={card.busy_share === null ? t("now.unknown") : percent(card.busy_share)}
      text={text.join(" · ")}
      {...(used !== null && total !== null ? { part: [used, total] as [number, number] } : {})}
    />
  );
}

function Hour({ points }: { points: Sample[] }) {
  const { t } = useTranslation("machine");
  const x = { label: t("hour.time"), values: points.map((one) => one.at), time: true, format: time };
  const measured = points.some((one) => one.watts !== null);
  const cards = points.at(-1)?.cards ?? [];
  return (
    <div className="mt-6 grid gap-6 lg:grid-cols-2">
      <Titled title={t("hour.busy")}>
        <Chart
          label={t("hour.busy")}
          x={x}
          height={160}
          fromZero
          format={percent}
          series={[
            { label: t("hour.all"), values: points.map((one) => one.busy_share) },
            { label: t("hour.own"), values: points.map((one) => one.own_share) },
            ...cards.map((card, index) => ({
              label: card.name,
              values: points.map((one) => one.cards[index]?.busy_share ?? null),
            })),
          ]}
        />
      </Titled>
      <Titled title={t("hour.memory")}>
        <Chart
          label={t("hour.memory")}
          x={x}
          height={160}
          fromZero
          format={bytes}
          series={[{ label: t("hour.used"), values: points.map((one) => one.used_bytes) }]}
        />
      </Titled>
      {measured && (
        <Titled title={t("hour.power")}>
          <Chart
            label={t("hour.power")}
            x={x}
            height={160}
            fromZero
            format={(value) => t("now.watts", { watts: number(value, { maximumFractionDigits: 0 }) })}
            series={[{ label: t("now.power"), values: points.map((one) => one.watts) }]}
          />
        </Titled>
      )}
    </div>
  );
}

function Titled({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section aria-label={title}>
      <h3 className="mb-1 text-base">{title}</h3>
      {children}
    </section>
  );
}

/** Few enough points to read as a table, the newest always among them; each is the mean of those that it stands for. */
export function thinned(samples: Sample[], most = MOST_POINTS): Sample[] {
  const step = Math.ceil(samples.length / most);
  if (step <= 1) return samples;
  const found: Sample[] = [];
  for (let end = samples.length; end > 0; end -= step) {
    const part = samples.slice(Math.max(0, end - step), end);
    const last = part.at(-1) as Sample;
    const mean = (of: (sample: Sample) => number) => part.reduce((sum, one) => sum + of(one), 0) / part.length;
    const known = part.filter((one) => one.watts !== null);
    found.unshift({
      ...last,
      busy_share: mean((one) => one.busy_share),
      own_share: mean((one) => one.own_share),
      used_bytes: mean((one) => one.used_bytes),
      watts: known.length ? known.reduce((sum, one) => sum + (one.watts ?? 0), 0) / known.length : null,
    });
  }
  return found;
}
