import { ChevronLeft, ChevronRight, PenLine, Redo2, RefreshCw, Square, Undo2 } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import { matches, type Run, useShortcut } from "@/app/shortcuts";
import { Place } from "@/components/Badge";
import { Button, IconButton } from "@/components/Button";
import { classes } from "@/components/classes";
import { ProblemBox } from "@/components/States";
import { Figures } from "./Figures";
import { Seen } from "./Seen";
import type { OpenStory } from "./useStory";

type View = "text" | "figures" | "seen";
const VIEWS: readonly View[] = ["text", "figures", "seen"];
const NEAR_END_PX = 80;

/** The text, how likely its last words were, or what the model sees; and what can be done with it. */
export function Editor({ id, open, prepared }: { id: string; open: OpenStory; prepared: () => Promise<void> }) {
  const { t } = useTranslation("writing");
  const [view, setView] = useState<View>("text");
  const running = open.busy === "writing" || !!open.story?.running;
  const still = running || open.busy !== null;
  const tries = open.story?.alternatives ?? [];
  const write = () => prepared().then(open.write);
  const retry = () => prepared().then(open.retry);
  const { undo, redo } = open.story ?? {};
  const steps = {
    undo: () => (undo && !still ? open.show(undo.current) : false),
    redo: () => (redo && !still ? open.show(redo.current) : false),
  };
  useShortcut("Mod+Enter", t("write"), () => (still ? false : void write()));
  useShortcut("Mod+Z", t("undo"), steps.undo, false); // a field has its own undoing
  useShortcut("Mod+Shift+Z", t("redo"), steps.redo, false);
  useShortcut("Escape", t("stop"), () => (running ? open.stop() : false), true);
  return (
    <>
      <div className="flex shrink-0 items-center gap-1 border-b border-line px-3 py-1.5">
        <div role="tablist" aria-label={t("views.label")} className="flex min-w-0 flex-1 gap-1 overflow-x-auto">
          {VIEWS.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`view-${name}`}
              aria-selected={view === name}
              aria-controls="view"
              onClick={() => setView(name)}
              className={classes(
                "h-8 rounded-base px-3 text-small whitespace-nowrap",
                view === name ? "bg-pressed text-text" : "text-text-2 hover:bg-hover",
              )}
            >
              {t(`views.${name}`)}
            </button>
          ))}
        </div>
      </div>
      <div id="view" role="tabpanel" aria-labelledby={`view-${view}`} className="flex min-h-0 flex-1 flex-col">
        {view === "text" && <Text open={open} running={running} steps={steps} />}
        {view === "figures" && (
          <Figures id={id} open={open} onRewrite={(text) => prepared().then(() => open.rewrite(text))} />
        )}
        {view === "seen" && <Seen id={id} open={open} prepared={prepared} />}
      </div>
      <div className="shrink-0 border-t border-line px-3 py-2">
        {open.error !== null && <ProblemBox error={open.error} className="mb-2" />}
        {open.piece?.error && <ProblemBox error={new Error(open.piece.error.message)} className="mb-2" />}
        <div className="mx-auto flex max-w-[72ch] flex-wrap items-center gap-1.5">
          {running ? (
            <Button look="primary" icon={Square} onClick={open.stop}>
              {t("stop")}
            </Button>
          ) : (
            <Button look="primary" icon={PenLine} disabled={still} onClick={write}>
              {t("write")}
            </Button>
          )}
          <IconButton small icon={RefreshCw} label={t("retry")} disabled={!tries.length || still} onClick={retry} />
          {tries.length > 1 && <Tries open={open} tries={tries} disabled={still} />}
          <span className="flex-1" />
          <Status open={open} />
          <IconButton
            small
            icon={Undo2}
            label={t("undo")}
            keys="Mod+Z"
            disabled={!undo || still}
            onClick={steps.undo}
          />
          <IconButton
            small
            icon={Redo2}
            label={t("redo")}
            keys="Mod+Shift+Z"
            disabled={!redo || still}
            onClick={steps.redo}
          />
        </div>
      </div>
    </>
  );
}

function Text(props: { open: OpenStory; running: boolean; steps: Record<"undo" | "redo", Run> }) {
  const { open, running, steps } = props;
  const { t } = useTranslation("writing");
  const box = useRef<HTMLTextAreaElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const area = box.current;
    if (area) area.scrollTop = area.scrollHeight;
  }, []);
  useLayoutEffect(() => {
    const area = box.current;
    if (area && running && atEnd.current && open.text) area.scrollTop = area.scrollHeight;
  }, [open.text, running]);
  return (
    <textarea
      ref={box}
      aria-label={t("text")}
      value={open.text}
      readOnly={running}
      spellCheck
      placeholder={t("placeholder")}
      onChange={(event) => open.edit(event.target.value)}
      onKeyDown={(event) => {
        const step = matches("Mod+Z", event) ? steps.undo : matches("Mod+Shift+Z", event) ? steps.redo : null;
        if (step && step() !== false) event.preventDefault();
      }}
      onScroll={({ currentTarget: area }) => {
        atEnd.current = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR_END_PX;
      }}
      className="w-full min-h-0 flex-1 resize-none bg-transparent px-[max(20px,calc(50%-36ch))] py-6 text-read outline-offset-[-2px]"
    />
  );
}

function Tries({ open, tries, disabled }: { open: OpenStory; tries: string[]; disabled: boolean }) {
  const { t } = useTranslation("writing");
  const place = tries.indexOf(open.story?.current ?? "");
  const step = (by: number) => open.show(tries[place + by] ?? null);
  return (
    <span className="flex items-center">
      <IconButton
        small
        icon={ChevronLeft}
        label={t("previous")}
        disabled={disabled || place <= 0}
        onClick={() => step(-1)}
      />
      <span className="tabular text-small text-text-2">{t("try", { place: place + 1, count: tries.length })}</span>
      <IconButton
        small
        icon={ChevronRight}
        label={t("next")}
        disabled={disabled || place >= tries.length - 1}
        onClick={() => step(1)}
      />
    </span>
  );
}

function Status({ open }: { open: OpenStory }) {
  const { t } = useTranslation("writing");
  const { piece, story, stage } = open;
  if (story?.running || open.busy === "writing")
    return (
      <span role="status" className="text-small text-text-2">
        {stage ? t(`stages.${stage}`) : t("stages.writing")}
      </span>
    );
  if (!piece?.stats) return null;
  const speed = piece.stats.tokens_per_second;
  return (
    <span className="flex items-center gap-2 text-small text-text-3 max-sm:hidden">
      {speed !== null && t("speed", { speed: number(speed, { maximumFractionDigits: speed < 10 ? 1 : 0 }) })}
      {piece.place && <Place where={piece.place.where} reason={piece.place.reason} />}
    </span>
  );
}
