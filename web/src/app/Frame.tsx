import { type ReactNode, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { connection } from "@/api/connection";
import { queries } from "@/api/server";
import { Button } from "@/components/Button";
import { classes } from "@/components/classes";
import { Drawer } from "@/components/Dialog";
import { Palette } from "./Palette";
import { prefer, usePreferences } from "./preferences";
import { ShortcutsDialog } from "./ShortcutsDialog";
import { Sidebar } from "./Sidebar";
import { useShortcut } from "./shortcuts";
import { SidebarContext } from "./sidebar";
import { usePhone } from "./useMedia";

/** The sidebar beside a screen, and what lies above both: the palette and the list of shortcuts. */
export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [, go] = useLocation();
  const [palette, setPalette] = useState(false);
  const [shortcuts, setShortcuts] = useState(false);
  const sidebar = useFolding();

  useShortcut("Mod+K", t("shortcuts.palette"), () => setPalette(true));
  useShortcut("/", t("shortcuts.search"), () => setPalette(true));
  useShortcut("Mod+Shift+O", t("chat.new"), () => go("/"));
  useShortcut("Mod+B", t("shortcuts.sidebar"), sidebar.toggle);
  useShortcut("?", t("shortcuts.title"), () => setShortcuts(true));

  const edge = <Sidebar onSearch={() => setPalette(true)} onShortcuts={() => setShortcuts(true)} />;
  return (
    <SidebarContext value={sidebar}>
      <a href="#main" className="skip rounded-base bg-accent px-3 py-1.5 text-on-accent">
        {t("skip")}
      </a>
      <div className="flex h-full flex-col">
        <Away />
        <div className="flex min-h-0 flex-1">
          {sidebar.phone ? (
            <Drawer open={sidebar.shown} onClose={sidebar.leave} side="left" title={t("sidebar.label")} bare>
              {edge}
            </Drawer>
          ) : (
            <div
              className={classes(
                "h-full w-[var(--sidebar-width)] shrink-0 border-r border-line",
                !sidebar.shown && "hidden",
              )}
            >
              {edge}
            </div>
          )}
          {children}
        </div>
      </div>
      <Palette open={palette} onClose={() => setPalette(false)} onShortcuts={() => setShortcuts(true)} />
      <ShortcutsDialog open={shortcuts} onClose={() => setShortcuts(false)} />
    </SidebarContext>
  );
}

function useFolding() {
  const phone = usePhone();
  const open = usePreferences().sidebar === "open";
  const [drawer, setDrawer] = useState(false);
  return useMemo(
    () => ({
      phone,
      shown: phone ? drawer : open,
      toggle: () => (phone ? setDrawer((was) => !was) : prefer({ sidebar: open ? "folded" : "open" })),
      leave: () => setDrawer(false),
    }),
    [phone, drawer, open],
  );
}

/** Says that the server does not answer, for as long as it does not; then everything is asked anew. */
function Away() {
  const { t } = useTranslation();
  const state = useSyncExternalStore(connection.subscribe, connection.snapshot);
  const [wasAway, setWasAway] = useState(false);
  useEffect(() => {
    if (state === "away") setWasAway(true);
    else if (wasAway) {
      setWasAway(false);
      queries.invalidateQueries();
    }
  }, [state, wasAway]);
  if (state === "here") return null;
  return (
    <div
      role="status"
      className="flex items-center justify-center gap-3 border-b border-line bg-warn-soft px-4 py-1.5 text-small text-text"
    >
      <span>{t("away")}</span>
      <Button small look="quiet" onClick={connection.look}>
        {t("again")}
      </Button>
    </div>
  );
}
