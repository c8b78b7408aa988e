import { useTranslation } from "react-i18next";
import { bytes } from "@/app/formats";
import { type Dot, Scatter } from "@/components/Scatter";
import { type Estimate, short } from "./estimates";

export interface Point {
  name: string;
  this: boolean;
  size_bytes: number;
  divergence: Estimate | null;
  writing: Estimate | null;
  parent: string;
  parent_digest: string;
  text_digest: string;
}

/** The variants of a model: what each lost, and how fast it is, by its size. Only what was measured alike is compared. */
export function Curves({ points }: { points: readonly Point[] }) {
  const { t } = useTranslation("card");
  const mine = points.find((point) => point.this);
  const like = mine?.divergence ? mine : points.find((point) => point.divergence);
  const alike = points.filter(
    (point) =>
      point.divergence && point.parent_digest === like?.parent_digest && point.text_digest === like?.text_digest,
  );
  const losses = alike.map((point) => dotOf(point, point.divergence));
  const speeds = points.filter((point) => point.writing).map((point) => dotOf(point, point.writing));
  return (
    <>
      {losses.length > 1 && (
        <section aria-labelledby="losses">
          <h2 id="losses" className="mb-1 text-read">
            {t("curve.loss")}
          </h2>
          <p className="mb-3 text-base text-text-2">{t("curve.lossText", { parent: like?.parent ?? "" })}</p>
          <Scatter
            label={t("variant")}
            dots={losses}
            x={{ label: t("size"), format: bytes }}
            y={{ label: t("divergence"), format: short, log: true }}
          />
        </section>
      )}
      {speeds.length > 1 && (
        <section aria-labelledby="speeds">
          <h2 id="speeds" className="mb-1 text-read">
            {t("curve.speed")}
          </h2>
          <p className="mb-3 text-base text-text-2">{t("curve.speedText")}</p>
          <Scatter
            label={t("variant")}
            dots={speeds}
            x={{ label: t("size"), format: bytes }}
            y={{ label: t("writingAxis"), format: short }}
          />
        </section>
      )}
    </>
  );
}

function dotOf(point: Point, estimate: Estimate | null): Dot {
  return {
    label: point.name,
    x: point.size_bytes,
    y: estimate?.value ?? 0,
    low: estimate?.low,
    high: estimate?.high,
    mine: point.this,
  };
}
