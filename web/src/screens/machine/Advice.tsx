import { CircleCheck, Lightbulb, TrendingUp } from "lucide-react";
import { useTranslation } from "react-i18next";
import { bytes } from "@/app/formats";
import type { Machine } from "./api";

const GB = 1e9;

/** What runs here, what could be better, and what more would bring. */
export function Advice({ machine }: { machine: Machine }) {
  const { t } = useTranslation("machine");
  const on = machine.gpus.length ? "gpu" : "cpu";
  return (
    <section aria-labelledby="advice">
      <h2 id="advice" className="mb-2 text-read">
        {t("advice.title")}
      </h2>
      <p className="text-base">
        {machine.size_class ? t(`advice.${machine.size_class}`) : t("advice.tiny")}{" "}
        {machine.size_class && t(`advice.on.${on}`)} {t(`advice.precision.${precision(machine)}`)}
      </p>
      <ul className="mt-3 flex flex-col gap-2">
        {machine.advice.map((one) => (
          <Line key={one.words} icon={Lightbulb}>
            {t(`advice.names.${one.name}`, { ...one.values, size: sizeIn(one.values), defaultValue: one.words })}
          </Line>
        ))}
        {!machine.advice.length && <Line icon={CircleCheck}>{t("advice.nothing")}</Line>}
        {upgrades(machine).map(([name, values]) => (
          <Line key={name} icon={TrendingUp}>
            {t(`advice.more.${name}`, values)}
          </Line>
        ))}
      </ul>
    </section>
  );
}

function Line({ icon: Icon, children }: { icon: typeof Lightbulb; children: React.ReactNode }) {
  return (
    <li className="flex items-start gap-2 text-base text-text-2">
      <Icon size={17} aria-hidden className="mt-[3.5px] shrink-0 text-accent-text" />
      <span className="min-w-0 break-words">{children}</span>
    </li>
  );
}

function sizeIn(values: Record<string, number | string>): string {
  return typeof values.bytes === "number" ? bytes(values.bytes) : "";
}

/** As sizing/advice.py's precision_words. */
function precision(machine: Machine): "little" | "middle" | "much" {
  const room = Math.max(
    ...(machine.gpus.length ? machine.gpus.map((gpu) => gpu.total_bytes) : [machine.ram_bytes / 2]),
  );
  return room < 6 * GB ? "little" : room < 16 * GB ? "middle" : "much";
}

/** As sizing/advice.py's upgrades. */
function upgrades(machine: Machine): [string, Record<string, string>][] {
  const next = { none: ["small", 4, 16], small: ["medium", 12, 32], medium: ["large", 48, 64] } as const;
  const following = machine.size_class === "large" ? null : next[machine.size_class ?? "none"];
  const found: [string, Record<string, string>][] = machine.gpus.length ? [] : [["gpu", {}]];
  if (following) found.push([following[0], { gpu: bytes(following[1] * GB), ram: bytes(following[2] * GB) }]);
  if (machine.disk?.kind === "hard disk" && machine.disk.bytes_per_second !== null) found.push(["ssd", {}]);
  return found;
}
