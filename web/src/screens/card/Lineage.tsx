import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { bytes } from "@/app/formats";
import { Badge } from "@/components/Badge";
import { classes } from "@/components/classes";

export interface Node {
  digest: string;
  names: string[];
  depth: number;
  size_bytes: number | null;
  this: boolean;
  here: boolean;
  measured: boolean;
  lineage: { how: string; recipe: string; data: string; engine: string; notes: string[] } | null;
}

const INDENT_PX = 24;

/** Which models were made of which: the oldest first, each below what it was made of. */
export function Lineage({ nodes }: { nodes: readonly Node[] }) {
  const { t } = useTranslation("card");
  return (
    <section aria-labelledby="lineage">
      <h2 id="lineage" className="mb-3 text-read">
        {t("lineage")}
      </h2>
      <ul className="flex flex-col">
        {nodes.map((node) => (
          <li key={node.digest} className="flex" style={{ paddingLeft: node.depth * INDENT_PX }}>
            <div
              className={classes(
                "min-w-0 flex-1 border-l-2 py-2 pl-3",
                node.this ? "border-accent" : "border-line-strong",
              )}
            >
              <div className="flex flex-wrap items-center gap-x-2 gap-y-1 text-base">
                {node.here && !node.this ? (
                  <Link
                    href={`/home/card/${encodeURIComponent(node.names[0] ?? "")}`}
                    className="rounded-small break-words underline decoration-line-strong underline-offset-4 hover:decoration-text"
                  >
                    {node.names.join(", ")}
                  </Link>
                ) : (
                  <span className={classes("break-words", node.this && "font-medium")}>{node.names.join(", ")}</span>
                )}
                {node.size_bytes !== null && <span className="text-small text-text-3">{bytes(node.size_bytes)}</span>}
                {node.this && <Badge tone="accent">{t("thisOne")}</Badge>}
                {!node.here && <Badge>{t("gone")}</Badge>}
              </div>
              {node.lineage && (
                <p className="text-small text-text-2">
                  {t(`how.${node.lineage.how}`, { defaultValue: node.lineage.how })}: {node.lineage.recipe}
                  {node.lineage.data && ` · ${t("tunedOn", { text: node.lineage.data })}`}
                </p>
              )}
              {node.lineage?.notes.map((note) => (
                <p key={note} className="text-small text-text-3">
                  {note}
                </p>
              ))}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
