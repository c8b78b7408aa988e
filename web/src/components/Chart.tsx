import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { usePreferences } from "@/app/preferences";

export interface Series {
  label: string;
  values: (number | null)[];
}

interface ChartProps {
  label: string; // what it shows, for those who can't see it
  x: { label: string; values: number[]; time?: boolean; format?: (value: number) => string };
  series: Series[];
  format?: (value: number) => string; // of the values
  height?: number;
  /** The values begin at nought, so that little does not look like much. */
  fromZero?: boolean;
}

/** The legend that uPlot makes, in the page's own letters: its style sheet stands outside all layers. */
const LOOK =
  "w-full [&_.uplot]:font-sans! [&_.u-legend]:m-0! [&_.u-legend]:text-left! [&_.u-legend]:text-small! [&_.u-legend_th]:font-medium!";

/** Curves over time or size, with a table behind them. */
export function Chart({ label, x, series, format = String, height = 200, fromZero }: ChartProps) {
  const { t } = useTranslation();
  const { theme } = usePreferences();
  const box = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<uPlot | null>(null);
  const shape = JSON.stringify([x.label, x.time, series.map((one) => one.label), height, theme]);
  const latest = useRef({ x, series, format, fromZero });
  latest.current = { x, series, format, fromZero };

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for all that needs a new plot
  useEffect(() => {
    let made: uPlot | null = null;
    let ended = false;
    const element = box.current;
    if (!element) return;
    import("uplot").then(({ default: Plot }) => {
      if (ended) return;
      made = new Plot(optionsOf(element, latest.current, height), dataOf(latest.current), element);
      setPlot(made);
    });
    const watch = new ResizeObserver(() => made?.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      ended = true;
      watch.disconnect();
      made?.destroy();
      setPlot(null);
    };
  }, [shape]);

  useEffect(() => plot?.setData(dataOf({ x, series })), [plot, x, series]);

  return (
    <figure className="w-full">
      <div ref={box} aria-hidden className={LOOK} style={{ height: height + 30 }} />
      <details className="text-small text-text-2">
        <summary className="w-fit rounded-small">{t("table")}</summary>
        <table className="mt-1">
          <caption className="sr-only">{label}</caption>
          <thead>
            <tr>
              {[x.label, ...series.map((one) => one.label)].map((name) => (
                <th key={name} scope="col" className="pr-4 text-left font-medium">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {x.values.map((at, row) => (
              <tr key={at} className="tabular">
                <td className="pr-4">{(x.format ?? String)(at)}</td>
                {series.map((one) => (
                  <td key={one.label} className="pr-4">
                    {one.values[row] === null || one.values[row] === undefined ? "" : format(one.values[row])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function dataOf({ x, series }: Pick<ChartProps, "x" | "series">): uPlot.AlignedData {
  return [x.values, ...series.map((one) => one.values)] as uPlot.AlignedData;
}

/** uPlot draws on a canvas, which knows no variables: colours are read from the page as they are now. */
function optionsOf(
  element: HTMLElement,
  { x, series, format = String, fromZero }: ChartProps | Omit<ChartProps, "label">,
  height: number,
): uPlot.Options {
  const colour = (name: string) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    element.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const quiet = {
    stroke: colour("--text-3"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: '12px "Inter Variable"',
  };
  const say = x.format;
  return {
    width: element.clientWidth,
    height,
    scales: {
      x: { time: x.time ?? false },
      ...(fromZero
        ? { y: { range: (_: uPlot, _least: number, most: number) => [0, (most || 1) * 1.08] as [number, number] } }
        : {}),
    },
    cursor: { points: { size: 7 } },
    axes: [
      { ...quiet, ...(say ? { values: (_: uPlot, ticks: number[]) => ticks.map(say) } : {}) },
      { ...quiet, size: 64, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      {
        label: x.label,
        ...(say ? { value: (_: uPlot, value: number | null) => (value === null ? "" : say(value)) } : {}),
      },
      ...series.map((one, index) => ({
        label: one.label,
        stroke: colour(`--series-${(index % 4) + 1}`),
        width: 2,
        dash: index % 2 ? [6, 4] : [],
        spanGaps: true,
        value: (_: uPlot, value: number | null) => (value === null ? "" : format(value)),
      })),
    ],
  };
}
