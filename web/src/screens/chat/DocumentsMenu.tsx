import { useQuery } from "@tanstack/react-query";
import { BookOpen } from "lucide-react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { useOffer } from "@/api/server";
import { classes } from "@/components/classes";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/components/Menu";
import type { Settings } from "./data/chats";

interface Collection {
  name: string;
}

/** Which collections of documents the answers are to come from. */
export function DocumentsMenu({ settings, onChange }: { settings: Settings; onChange: (settings: Settings) => void }) {
  const { t } = useTranslation("chat");
  const offer = useOffer();
  const { data } = useQuery({
    queryKey: ["documents", "collections"],
    queryFn: ({ signal }) => request<{ collections: Collection[] }>("/api/domov/documents", { signal }),
    enabled: offer?.features.includes("documents") ?? false,
    staleTime: 30_000,
  });
  if (!data?.collections.length) return null;
  const all = data.collections.map((one) => one.name);
  const chosen = settings.documents === true ? all : (settings.documents || []).filter((name) => all.includes(name));
  const turn = (name: string) =>
    onChange({
      ...settings,
      documents: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name],
    });
  return (
    <Menu
      side="top"
      trigger={
        <button
          type="button"
          aria-label={t("documents.label")}
          className={classes(
            "flex h-8 min-w-8 items-center justify-center gap-1.5 rounded-base px-2 text-small hover:bg-hover",
            chosen.length ? "bg-accent-soft text-accent-text" : "text-text-2",
          )}
        >
          <BookOpen size={16} aria-hidden />
          {chosen.length > 0 && (
            <span className="max-w-32 truncate">
              {chosen.length === 1 ? chosen[0] : t("documents.count", { count: chosen.length })}
            </span>
          )}
        </button>
      }
    >
      <MenuLabel>{t("documents.from")}</MenuLabel>
      {all.map((name) => (
        <MenuItem key={name} icon={BookOpen} several checked={chosen.includes(name)} onSelect={() => turn(name)}>
          {name}
        </MenuItem>
      ))}
      {chosen.length > 0 && (
        <>
          <MenuLine />
          <MenuItem onSelect={() => onChange({ ...settings, documents: [] })}>{t("documents.none")}</MenuItem>
        </>
      )}
    </Menu>
  );
}
