import { useQuery } from "@tanstack/react-query";
import { ChartNoAxesColumn } from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { number } from "@/app/formats";
import { classes } from "@/components/classes";
import { EmptyState, ProblemBox } from "@/components/States";
import { stories, type TokenFigure } from "./story";
import type { OpenStory } from "./useStory";

const BEFORE_CHARACTERS = 1200;

/** How likely each token of the last piece was, on hover or by the arrow keys; choosing another writes on from there. */
export function Figures(props: { id: string; open: OpenStory; onRewrite: (text: string) => void }) {
  const { t } = useTranslation("writing");
  const { story, text } = props.open;
  const current = story?.alternatives.length && !story.running ? story.current : null;
  const figures = useQuery({
    queryKey: ["figures", current],
    queryFn: ({ signal }) => stories.figures(props.id, current ?? "", signal),
    enabled: current !== null,
  });
  const [place, setPlace] = useState(0);
  const tokens = figures.data?.tokens ?? [];
  const written = tokens.map((token) => token.text).join("");
  const whole = tokens.length > 0 && text.endsWith(written);
  if (figures.isError) return <ProblemBox error={figures.error} className="m-4" />;
  if (!current || (figures.data && !whole))
    return <EmptyState icon={ChartNoAxesColumn} title={t("figures.none")} text={t("figures.noneText")} />;
  const before = text.slice(0, text.length - written.length);
  const chosen = tokens[Math.min(place, tokens.length - 1)];
  const choose = (word: string) => {
    const kept = tokens.slice(0, place).map((token) => token.text);
    props.onRewrite(before + kept.join("") + word);
  };
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <section
        aria-label={t("figures.text")}
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto px-5 py-6 outline-offset-[-2px]"
      >
        <p className="mx-auto max-w-[72ch] text-read break-words whitespace-pre-wrap">
          <span className="text-text-3">{before.slice(-BEFORE_CHARACTERS)}</span>
          <Tokens tokens={tokens} place={place} onPlace={setPlace} />
        </p>
      </section>
      {chosen && <Chances token={chosen} onChoose={choose} />}
    </div>
  );
}

function Tokens(props: { tokens: TokenFigure[]; place: number; onPlace: (place: number) => void }) {
  const { t } = useTranslation("writing");
  const list = useRef<HTMLSpanElement>(null);
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(props.tokens.length - 1, props.place + by));
    props.onPlace(next);
    list.current?.querySelectorAll("button")[next]?.focus();
  };
  return (
    <span ref={list} role="group" aria-label={t("figures.tokens")} onKeyDown={step}>
      {props.tokens.map((token, place) => (
        <button
          key={place}
          type="button"
          tabIndex={place === props.place ? 0 : -1}
          aria-pressed={place === props.place}
          aria-label={`${shown(token.text)}, ${chance(token.logprob)}`}
          onMouseEnter={() => props.onPlace(place)}
          onFocus={() => props.onPlace(place)}
          className={classes(
            "inline rounded-small text-left break-words whitespace-pre-wrap",
            place === props.place ? "bg-accent-soft text-accent-text" : surprise(token.logprob),
          )}
        >
          {token.text}
        </button>
      ))}
    </span>
  );
}

function Chances({ token, onChoose }: { token: TokenFigure; onChoose: (word: string) => void }) {
  const { t } = useTranslation("writing");
  const others = token.alternatives.some(({ text }) => text === token.text)
    ? token.alternatives
    : [{ text: token.text, logprob: token.logprob }, ...token.alternatives];
  return (
    <section
      aria-label={t("figures.chances")}
      className="max-h-[38%] shrink-0 overflow-y-auto border-t border-line bg-side px-5 py-3"
    >
      <p className="mx-auto max-w-[680px] px-2 pb-1 text-small text-text-2">{t("figures.choose")}</p>
      <ul className="mx-auto grid max-w-[680px] gap-x-6 sm:grid-cols-2">
        {others.map((other) => (
          <li key={other.text}>
            <button
              type="button"
              disabled={other.text === token.text}
              onClick={() => onChoose(other.text)}
              className="relative flex h-8 w-full items-center gap-3 rounded-small px-2 text-left text-small hover:bg-hover disabled:text-accent-text"
            >
              <span className="min-w-0 flex-1 truncate font-mono">{shown(other.text)}</span>
              <span className="h-1.5 w-20 overflow-hidden rounded-full bg-pressed">
                <span className="block h-full bg-accent" style={{ width: `${100 * Math.exp(other.logprob)}%` }} />
              </span>
              <span className="tabular w-14 text-right text-text-2">{chance(other.logprob)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** White space made visible. */
function shown(text: string): string {
  return text.replaceAll("\n", "↵").replaceAll(" ", "␣") || "∅";
}

function chance(logprob: number): string {
  const share = Math.exp(logprob);
  return number(share, { style: "percent", maximumFractionDigits: share < 0.0995 ? 1 : 0 });
}

/** The less likely, the more it is marked. */
function surprise(logprob: number): string {
  const share = Math.exp(logprob);
  if (share >= 0.5) return "hover:bg-hover";
  return share >= 0.1
    ? "underline decoration-line-strong decoration-dotted underline-offset-4"
    : "underline decoration-accent underline-offset-4";
}
