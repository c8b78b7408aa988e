import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import { ProblemBox } from "@/components/States";
import { Answer } from "./Answer";
import type { Step } from "./data/tree";
import type { ChatActions, ChatState } from "./data/useChat";
import { PendingQuestion, Question } from "./Question";

const ALL_BELOW = 40; // so few messages are all there, for the browser's own search
const AT_END_PIXELS = 48;
const GUESS = { user: 90, assistant: 260, system: 80 };

/** The messages, of which only those near the view exist. It stays at the end while the reader is there. */
export function Thread({ state }: { state: ChatState }) {
  const { t } = useTranslation("chat");
  const { path, pending, failure, actions } = state;
  const scroller = useRef<HTMLDivElement>(null);
  const few = path.length <= ALL_BELOW;
  const virtual = useVirtualizer({
    count: path.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback((at: number) => GUESS[path[at]?.message.role ?? "user"], [path]),
    getItemKey: useCallback((at: number) => path[at]?.message.id ?? at, [path]),
    overscan: few ? ALL_BELOW : 4,
    paddingStart: 24,
    paddingEnd: 16,
  });
  const height = virtual.getTotalSize();
  const { follow, away, onScroll } = useFollowing(scroller, [height, pending, failure]);
  const asked = pending !== null;
  useEffect(() => {
    if (asked) follow();
  }, [asked, follow]);

  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <section
        ref={scroller}
        onScroll={onScroll}
        tabIndex={0}
        aria-label={t("conversation")}
        className="min-h-0 flex-1 overflow-y-auto [overflow-anchor:none] outline-offset-[-2px]"
      >
        <ol className="relative mx-auto w-full max-w-[calc(var(--read-width)+48px)]" style={{ height }}>
          {virtual.getVirtualItems().map((item) => {
            const step = path[item.index];
            return (
              step && (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  className="absolute inset-x-0 top-0 px-4 sm:px-6"
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <One step={step} last={item.index === path.length - 1} actions={actions} />
                </li>
              )
            );
          })}
        </ol>
        <div className="mx-auto w-full max-w-[calc(var(--read-width)+48px)] px-4 sm:px-6">
          {pending && <PendingQuestion pending={pending} />}
          {failure !== null && <ProblemBox error={failure} className="mb-4" />}
        </div>
      </section>
      {away && (
        <div className="absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full border border-line bg-raised">
          <IconButton icon={ArrowDown} label={t("toEnd")} side="top" small className="rounded-full" onClick={follow} />
        </div>
      )}
    </div>
  );
}

/** `alternatives` is another list after each message that comes: its length and place say whether it changed. */
const One = memo(
  function One({ step, last, actions }: { step: Step; last: boolean; actions: ChatActions }) {
    return step.message.role === "assistant" ? (
      <Answer step={step} last={last} actions={actions} />
    ) : (
      <Question step={step} actions={actions} />
    );
  },
  (a, b) =>
    a.step.message === b.step.message &&
    a.last === b.last &&
    a.actions === b.actions &&
    a.step.alternatives.length === b.step.alternatives.length,
);

/** Keeps the end in view when the content grows, unless the reader has scrolled up. */
function useFollowing(scroller: React.RefObject<HTMLDivElement | null>, growth: readonly unknown[]) {
  const following = useRef(true);
  const before = useRef(0);
  const [away, setAway] = useState(false);
  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element && following.current) element.scrollTop = element.scrollHeight;
  }, [scroller]);
  useLayoutEffect(toEnd, [toEnd, ...growth]);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const watch = new ResizeObserver(toEnd); // the composer grows, a phone's keyboard opens
    watch.observe(element);
    return () => watch.disconnect();
  }, [scroller, toEnd]);
  const onScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (left < AT_END_PIXELS) following.current = true;
    else if (element.scrollTop < before.current) following.current = false;
    before.current = element.scrollTop;
    setAway(!following.current);
  }, [scroller]);
  const follow = useCallback(() => {
    following.current = true;
    setAway(false);
    toEnd();
  }, [toEnd]);
  return { follow, away, onScroll };
}
