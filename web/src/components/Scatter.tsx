import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "./classes";
import { type Column, Table } from "./Table";

export interface Dot {
  label: string;
  x: number;
  y: number;
  low?: number | undefined; // the interval that holds it
  high?: number | undefined;
  mine?: boolean | undefined; // the one that it is about
}

interface Axis {
  label: string;
  format: (value: number) => string;
  log?: boolean;
}

const FIRST_WIDTH = 640;
const HEIGHT = 300;
const LEFT = 64;
const RIGHT = 24;
const TOP = 16;
const BOTTOM = 44;

/** Where each of several things stands by two figures, joined in the order of x; a table is behind it. */
export function Scatter(props: {
  label: string;
  dots: readonly Dot[];
  line?: readonly [number, number][];
  x: Axis;
  y: Axis;
}) {
  const { t } = useTranslation();
  const { box, width } = useWidth();
  const dots = [...props.dots].sort((a, b) => a.x - b.x);
  const line = props.line ?? dots.map(({ x, y }): [number, number] => [x, y]);
  const x = scaleOf([...dots.map((dot) => dot.x), ...line.map(([at]) => at)], props.x.log, LEFT, width - RIGHT);
  const values = dots.flatMap((dot) => [dot.y, dot.low ?? dot.y, dot.high ?? dot.y]);
  const y = scaleOf([...values, ...line.map(([, at]) => at)], props.y.log, HEIGHT - BOTTOM, TOP);
  const columns: Column<Dot>[] = [
    { title: props.label, cell: (dot) => <span className={classes(dot.mine && "font-medium")}>{dot.label}</span> },
    { title: props.x.label, cell: (dot) => props.x.format(dot.x), right: true },
    { title: props.y.label, cell: (dot) => props.y.format(dot.y), right: true },
  ];
  return (
    <figure ref={box} className="flex w-full flex-col gap-2">
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} width={width} height={HEIGHT} className="max-w-full" aria-hidden="true">
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={width - RIGHT} y1={y.at(tick)} y2={y.at(tick)} className="stroke-line" />
            <text x={LEFT - 8} y={y.at(tick) + 4} textAnchor="end" className="fill-text-3 text-small">
              {props.y.format(tick)}
            </text>
          </g>
        ))}
        {x.ticks.map((tick) => (
          <text
            key={tick}
            x={x.at(tick)}
            y={HEIGHT - BOTTOM + 18}
            textAnchor="middle"
            className="fill-text-3 text-small"
          >
            {props.x.format(tick)}
          </text>
        ))}
        <text x={(LEFT + width - RIGHT) / 2} y={HEIGHT - 4} textAnchor="middle" className="fill-text-2 text-small">
          {props.x.label}
        </text>
        {line.length > 1 && (
          <polyline
            points={line.map(([a, b]) => `${x.at(a)},${y.at(b)}`).join(" ")}
            className="fill-none stroke-line-strong"
            strokeWidth={1.5}
          />
        )}
        {dots.map((dot) => (
          <Mark key={dot.label} dot={dot} x={x.at(dot.x)} y={y.at} width={width} />
        ))}
      </svg>
      <details className="text-small text-text-2">
        <summary className="w-fit rounded-small">{t("table")}</summary>
        <div className="mt-2">
          <Table label={props.label} columns={columns} rows={dots} keyOf={(dot) => dot.label} />
        </div>
      </details>
    </figure>
  );
}

/** How wide its place is: a drawing whose letters keep their size is made anew for each width. */
function useWidth() {
  const box = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(FIRST_WIDTH);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(Math.max(240, element.clientWidth)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return { box, width };
}

function Mark({ dot, x, y, width }: { dot: Dot; x: number; y: (value: number) => number; width: number }) {
  const end = x > width / 2;
  return (
    <g>
      {dot.low !== undefined && dot.high !== undefined && (
        <line x1={x} x2={x} y1={y(dot.low)} y2={y(dot.high)} className="stroke-text-3" strokeWidth={1.5} />
      )}
      <circle cx={x} cy={y(dot.y)} r={dot.mine ? 7 : 4.5} className={dot.mine ? "fill-accent" : "fill-text-3"} />
      <text
        x={end ? x - 11 : x + 11}
        y={y(dot.y) - (end ? 13 : 9)}
        textAnchor={end ? "end" : "start"}
        className={classes("text-small", dot.mine ? "fill-text font-medium" : "fill-text-2")}
      >
        {dot.label}
      </text>
    </g>
  );
}

/** Numbers to places; on a scale of powers of ten nothing is below a ten-thousandth of the largest. */
function scaleOf(values: readonly number[], log: boolean | undefined, from: number, to: number) {
  const most = Math.max(...values, log ? 1e-6 : 0);
  const floor = most / 1e4;
  const turn = (value: number) => (log ? Math.log10(Math.max(value, floor)) : value);
  let low = Math.min(...values.map(turn));
  let high = Math.max(...values.map(turn));
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  low -= log || low - room >= 0 || low < 0 ? room : low;
  high += room;
  const at = (value: number) => from + ((turn(value) - low) / (high - low)) * (to - from);
  return { at, ticks: log ? powers(low, high) : steps(low, high) };
}

function steps(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, index) => (first + index) * step);
}

function powers(low: number, high: number): number[] {
  const fine = high - low < 1.5 ? [1, 2, 5] : [1];
  const found: number[] = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    for (const factor of fine) {
      const place = power + Math.log10(factor);
      if (place >= low && place <= high) found.push(factor * 10 ** power);
    }
  }
  return found;
}
