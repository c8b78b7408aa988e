import { useTranslation } from "react-i18next";
import { Link } from "wouter";

/** The way back, in the bar of a screen below the workshop. */
export function BackBar({ title }: { title: string }) {
  const { t } = useTranslation("workshop");
  return (
    <nav aria-label={t("path")} className="flex min-w-0 items-center gap-2 px-2 text-base">
      <Link href="/home/workshop" className="shrink-0 rounded-small text-text-2 hover:text-text">
        {t("title")}
      </Link>
      <span aria-hidden className="text-text-3">
        /
      </span>
      <span className="truncate">{title}</span>
    </nav>
  );
}
