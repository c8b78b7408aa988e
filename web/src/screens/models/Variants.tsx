import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { bytes } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { ProblemBox, Skeleton } from "@/components/States";
import { type Download, variantsQuery } from "./api";
import { Fetch } from "./Fetch";
import { Fit } from "./Fit";

/** Every file that the hub has of a model; it is asked when this is unfolded, not before. */
export function Variants({ model, queue }: { model: string; queue: Download[] }) {
  const { t } = useTranslation("models");
  const { data, error, refetch } = useQuery(variantsQuery(model));
  if (error) return <ProblemBox error={error} onRetry={refetch} className="mt-3" />;
  if (!data) return <Skeleton className="mt-3" />;
  if (!data.variants.length) return <p className="mt-3 text-small text-text-2">{t("variants.none")}</p>;
  return (
    <ul aria-label={t("variants.of", { model })} className="mt-3 rounded-base border border-line">
      {data.variants.map((variant) => (
        <li
          key={variant.file}
          className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line px-3 py-2.5 first:border-t-0"
        >
          <div className="min-w-40 flex-1">
            <div className="flex flex-wrap items-center gap-2">
              <span className="font-medium">{variant.quantization || variant.file}</span>
              {variant.best && <Badge tone="accent">{t("best")}</Badge>}
            </div>
            <p className="text-small text-text-2">
              {[bytes(variant.size_bytes), variant.quality && t(`quality.${variant.quality}`, variant.quality)]
                .filter(Boolean)
                .join(" · ")}
            </p>
          </div>
          <Fit plan={variant.plan} rough={variant.rough} />
          <Fetch model={variant.name} here={variant.here} queue={queue} primary={variant.best} />
        </li>
      ))}
    </ul>
  );
}
