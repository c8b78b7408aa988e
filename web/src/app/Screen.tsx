import { PanelLeft } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import { classes } from "@/components/classes";
import { useSidebar } from "./sidebar";

/**
 * A screen: its bar (48 px) and what is below. `title` is a name in words; `bar` stands beside it, `actions` at the end.
 * Without `bare` the content is a column that scrolls, 960 px wide at most.
 */
export function Screen(props: {
  title: string;
  bar?: ReactNode; // instead of the title
  actions?: ReactNode;
  bare?: boolean;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const sidebar = useSidebar();
  useEffect(() => {
    document.title = props.title ? `${props.title} · Domov` : "Domov";
  }, [props.title]);
  return (
    <main id="main" tabIndex={-1} className="flex h-full min-w-0 flex-1 flex-col outline-none">
      <header className="flex h-12 shrink-0 items-center gap-1 border-b border-line px-2">
        <IconButton
          icon={PanelLeft}
          label={t(sidebar.shown ? "sidebar.fold" : "sidebar.open")}
          keys="Mod+B"
          small
          onClick={sidebar.toggle}
          aria-expanded={sidebar.shown}
        />
        {props.bar ? (
          <>
            <h1 className="sr-only">{props.title}</h1>
            <div className="flex min-w-0 flex-1 items-center gap-1">{props.bar}</div>
          </>
        ) : (
          <h1 className="min-w-0 flex-1 truncate px-2 text-base">{props.title}</h1>
        )}
        {props.actions && <div className="flex shrink-0 items-center gap-1">{props.actions}</div>}
      </header>
      {props.bare ? (
        <div className="flex min-h-0 flex-1 flex-col">{props.children}</div>
      ) : (
        <section aria-label={props.title} tabIndex={0} className="min-h-0 flex-1 overflow-y-auto outline-offset-[-2px]">
          <div className={classes("mx-auto w-full max-w-[960px] px-4 py-6 sm:px-6")}>{props.children}</div>
        </section>
      )}
    </main>
  );
}
