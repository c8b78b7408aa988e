import { Brain, ChevronRight } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "@/components/classes";
import { Markdown } from "@/components/markdown/Markdown";

/** What a model thought before it answered: folded away, its last line to be seen while it thinks. */
export function Reasoning({ text, live }: { text: string; live: boolean }) {
  const { t } = useTranslation("chat");
  const [open, setOpen] = useState(false);
  const line = live ? (text.trimEnd().split("\n").at(-1) ?? "").slice(-120) : "";
  return (
    <div className="mb-3">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="-ml-2 flex h-8 max-w-full items-center gap-2 rounded-base px-2 text-small text-text-2 hover:bg-hover"
      >
        <Brain size={15} aria-hidden className={live ? "animate-pulse text-accent-text" : "text-text-3"} />
        <span className="shrink-0">{t(live ? "thinking" : "thought")}</span>
        {!open && line && <span className="min-w-0 truncate text-text-3">{line}</span>}
        <ChevronRight
          size={15}
          aria-hidden
          className={classes("shrink-0 transition-transform duration-100", open && "rotate-90")}
        />
      </button>
      {open && (
        <div className="mt-1 border-l-2 border-line pl-4 text-text-2">
          <Markdown text={text} live={live} />
        </div>
      )}
    </div>
  );
}
