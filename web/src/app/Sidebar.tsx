import { Keyboard, Languages, Search, Settings2, SquarePen, SunMoon } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { useOffer } from "@/api/server";
import { IconButton } from "@/components/Button";
import { classes } from "@/components/classes";
import { Keys } from "@/components/Keys";
import { Menu, MenuChoice, MenuItem, MenuLine, MenuSub } from "@/components/Menu";
import { screensFor } from "@/screens/registry";
import { Mark } from "./Mark";
import { prefer, usePreferences } from "./preferences";
import { useSidebar } from "./sidebar";
import { chosenLanguage, LANGUAGES, nameOf } from "./words";

const History = lazy(() => import("@/screens/chat/History"));

/** What waits at the page's edge: a new chat, the old ones, the other screens. */
export function Sidebar(props: { onSearch: () => void; onShortcuts: () => void }) {
  const { t } = useTranslation();
  const offer = useOffer();
  const sidebar = useSidebar();
  return (
    <nav aria-label={t("sidebar.label")} className="flex h-full w-full flex-col bg-side">
      <div className="flex h-12 shrink-0 items-center pr-2 pl-3">
        <Link
          href="/"
          onClick={sidebar.leave}
          className="flex flex-1 items-center gap-2 rounded-small text-base font-semibold"
        >
          <Mark />
          Domov
        </Link>
        <Preferences onShortcuts={props.onShortcuts} />
      </div>
      <div className="flex flex-col gap-0.5 px-2 pb-2">
        <Row href="/" icon={SquarePen} keys="Mod+Shift+O" onClick={sidebar.leave}>
          {t("chat.new")}
        </Row>
        <button
          type="button"
          onClick={() => {
            sidebar.leave();
            props.onSearch();
          }}
          className={classes(ROW, "w-full")}
        >
          <Search size={17} aria-hidden className="text-text-3" />
          <span className="flex-1 text-left">{t("search")}</span>
          <Keys keys="/" />
        </button>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto px-2">
        <Suspense>{offer?.features.includes("chats") && <History />}</Suspense>
      </div>
      <Screens />
    </nav>
  );
}

const ROW = "flex h-9 items-center gap-2.5 rounded-base px-2.5 text-base text-text-2 hover:bg-hover hover:text-text";

function Row(props: {
  href: string;
  icon: typeof Search;
  keys?: string;
  current?: boolean;
  onClick: () => void;
  children: string;
}) {
  const Icon = props.icon;
  return (
    <Link
      href={props.href}
      onClick={props.onClick}
      aria-current={props.current ? "page" : undefined}
      className={classes(ROW, props.current && "bg-hover font-medium text-text")}
    >
      <Icon size={17} aria-hidden className={props.current ? "text-accent-text" : "text-text-3"} />
      <span className="min-w-0 flex-1 truncate">{props.children}</span>
    </Link>
  );
}

function Screens() {
  const { t } = useTranslation();
  const [location] = useLocation();
  const sidebar = useSidebar();
  const listed = screensFor(useOffer()).filter((screen) => !screen.unlisted);
  if (!listed.length) return null;
  return (
    <div className="flex flex-col gap-0.5 border-t border-line p-2">
      {listed.map((screen) => (
        <Row
          key={screen.name}
          href={screen.path}
          icon={screen.icon}
          current={location === screen.path || location.startsWith(`${screen.path}/`)}
          onClick={sidebar.leave}
        >
          {t(`screens.${screen.name}`)}
        </Row>
      ))}
    </div>
  );
}

function Preferences({ onShortcuts }: { onShortcuts: () => void }) {
  const { t, i18n } = useTranslation();
  const { theme } = usePreferences();
  return (
    <Menu align="end" trigger={<IconButton icon={Settings2} label={t("preferences.label")} small />}>
      <MenuSub icon={SunMoon} label={t("preferences.theme")}>
        <MenuChoice
          value={theme}
          options={(["system", "light", "dark"] as const).map((value) => ({ value, label: t(`preferences.${value}`) }))}
          onChange={(value) => prefer({ theme: value })}
        />
      </MenuSub>
      <MenuSub icon={Languages} label={t("preferences.language")}>
        <MenuChoice
          value={chosenLanguage()}
          options={LANGUAGES.map((value) => ({ value, label: nameOf(value) }))}
          onChange={(value) => {
            prefer({ language: value });
            i18n.changeLanguage(value);
          }}
        />
      </MenuSub>
      <MenuLine />
      <MenuItem icon={Keyboard} keys="?" onSelect={onShortcuts}>
        {t("shortcuts.title")}
      </MenuItem>
    </Menu>
  );
}
