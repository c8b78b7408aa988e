import { type ComponentType, lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { type Offer, useOffer } from "@/api/server";
import { type Session, useSession } from "@/api/session";
import { Screen } from "@/app/Screen";
import { classes } from "@/components/classes";
import { Skeleton } from "@/components/States";

interface Part {
  name: "general" | "people" | "keys" | "security" | "audit" | "backup";
  Content: ComponentType;
  shown: (offer: Offer, session: Session | undefined) => boolean;
}

const PARTS: readonly Part[] = [
  { name: "general", Content: lazy(() => import("./General")), shown: () => true },
  { name: "security", Content: lazy(() => import("./Security")), shown: (_, session) => Boolean(session?.user) },
  {
    name: "keys",
    Content: lazy(() => import("./Keys")),
    shown: (offer, session) => Boolean(session?.user) || offer.features.includes("keys"),
  },
  { name: "people", Content: lazy(() => import("./People")), shown: (offer) => offer.features.includes("users") },
  { name: "audit", Content: lazy(() => import("./Audit")), shown: (offer) => offer.features.includes("audit") },
  { name: "backup", Content: lazy(() => import("./Backup")), shown: (offer) => offer.features.includes("backup") },
];

/** Everything that is set or administered, a part at a time. */
export default function Settings() {
  const { t } = useTranslation("settings");
  const [location] = useLocation();
  const offer = useOffer();
  const session = useSession();
  const parts = PARTS.filter((part) => offer && part.shown(offer, session));
  const wanted = location.split("/")[3];
  const current = parts.find((part) => part.name === wanted) ?? parts[0];
  return (
    <Screen title={t("title")}>
      <nav aria-label={t("parts")} className="-mt-2 mb-6 flex gap-1 overflow-x-auto border-b border-line">
        {parts.map(({ name }) => (
          <Link
            key={name}
            href={`/home/settings/${name}`}
            aria-current={name === current?.name ? "page" : undefined}
            className={classes(
              "-mb-px flex h-9 shrink-0 items-center border-b-2 px-3 text-base whitespace-nowrap outline-offset-[-2px]",
              name === current?.name ? "border-accent text-text" : "border-transparent text-text-2 hover:text-text",
            )}
          >
            {t(`part.${name}`)}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Skeleton />}>{current && <current.Content />}</Suspense>
    </Screen>
  );
}
