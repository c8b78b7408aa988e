import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import type { Usage } from "./api";

const HEIGHT = 120;
const MOST_BARS = 62;

/** A bar for each day, of the tokens that were read and written; the table below has the figures. */
export function Days({ told }: { told: Usage }) {
  const { t } = useTranslation("use");
  const known = new Map(told.day.map((row) => [row.day, row]));
  const days = between(told.since, told.until).slice(-MOST_BARS);
  const tokens = days.map((day) => {
    const row = known.get(day);
    return { day, read: row?.prompt_tokens ?? 0, written: row?.answer_tokens ?? 0 };
  });
  const most = Math.max(1, ...tokens.map((one) => one.read + one.written));
  const width = 1000 / days.length;
  return (
    <figure>
      <svg viewBox={`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" className="h-[120px] w-full">
        <line
          x1="0"
          x2="1000"
          y1={HEIGHT - 0.5}
          y2={HEIGHT - 0.5}
          stroke="var(--line-strong)"
          vectorEffect="non-scaling-stroke"
        />
        {tokens.map(({ day, read, written }, index) => {
          const [low, high] = [(read / most) * (HEIGHT - 4), (written / most) * (HEIGHT - 4)];
          const [x, wide] = [index * width + width * 0.14, width * 0.72];
          return (
            <g key={day}>
              <rect x={x} width={wide} y={HEIGHT - 1 - low} height={low} fill="var(--series-2)" />
              <rect x={x} width={wide} y={HEIGHT - 1 - low - high} height={high} fill="var(--series-1)" />
            </g>
          );
        })}
      </svg>
      <figcaption className="mt-1.5 flex flex-wrap justify-between gap-x-4 text-small text-text-2">
        <span className="flex gap-4">
          <Key colour="var(--series-2)">{t("used.read")}</Key>
          <Key colour="var(--series-1)">{t("used.written")}</Key>
        </span>
        <span className="tabular text-text-3">{t("used.most", { tokens: number(most) })}</span>
      </figcaption>
    </figure>
  );
}

function Key({ colour, children }: { colour: string; children: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className="size-2.5 rounded-[2px]" style={{ background: colour }} />
      {children}
    </span>
  );
}

/** The days from one to another, both included, as 2026-11-24. */
export function between(since: string, until: string): string[] {
  const found: string[] = [];
  for (let at = Date.parse(`${since}T12:00:00Z`); at <= Date.parse(`${until}T12:00:00Z`); at += 86_400_000) {
    found.push(new Date(at).toISOString().slice(0, 10));
  }
  return found;
}
