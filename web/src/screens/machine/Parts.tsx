import { useTranslation } from "react-i18next";
import { bytes } from "@/app/formats";
import type { Machine } from "./api";

/** What there is. */
export function Parts({ machine }: { machine: Machine }) {
  const { t } = useTranslation("machine");
  const { disk, speeds } = machine;
  const rows: [string, string][] = [
    [t("parts.cpu"), [machine.cpu, t("parts.cores", { count: machine.cores })].filter(Boolean).join(", ")],
    [
      t("parts.memory"),
      [bytes(machine.ram_bytes), speeds && t("parts.speed", { speed: bytes(speeds.memory_bytes_per_second) })]
        .filter(Boolean)
        .join(", ") + (machine.limited_by ? ` (${t("parts.limited")})` : ""),
    ],
    ...machine.gpus.map((gpu): [string, string] => [
      t("parts.gpu"),
      [gpu.description || gpu.name, bytes(gpu.total_bytes), gpu.driver && t("parts.driver", { version: gpu.driver })]
        .filter(Boolean)
        .join(", "),
    ]),
    ...(machine.gpus.length ? [] : [[t("parts.gpu"), t("parts.noGpu")] as [string, string]]),
    [
      t("parts.disk"),
      disk ? t("parts.free", { free: bytes(disk.free_bytes), total: bytes(disk.total_bytes) }) : t("now.unknown"),
    ],
  ];
  return (
    <section aria-labelledby="parts">
      <h2 id="parts" className="mb-2 text-read">
        {t("parts.title")}
      </h2>
      <dl className="grid grid-cols-[max-content_1fr] gap-x-6 gap-y-1.5 text-base">
        {rows.map(([name, value], index) => (
          <div key={index} className="contents">
            <dt className="text-text-3">{name}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
