/** One story while it is open: the text as it is typed, kept a moment later, and as the model writes it. */
import { useCallback, useEffect, useRef, useState } from "react";
import { Problem } from "@/api/client";
import { connection } from "@/api/connection";
import { events } from "@/api/events";
import { type Piece, type Story, stories } from "./story";

const SAVE_MS = 800;

export interface OpenStory {
  story: Story | null;
  text: string;
  piece: Piece | null; // what the model wrote last, since the story was opened
  stage: string | null; // what is done before the first word
  busy: "writing" | "changing" | null; // what was asked for and is not done yet
  error: unknown;
  edit: (text: string) => void;
  write: () => void;
  retry: () => void;
  stop: () => void;
  show: (current: string | null) => void;
  rewrite: (text: string) => void;
  save: () => Promise<void>;
}

export function useStory(id: string): OpenStory {
  const [story, setStory] = useState<Story | null>(null);
  const [text, setText] = useState("");
  const [piece, setPiece] = useState<Piece | null>(null);
  const [stage, setStage] = useState<string | null>(null);
  const [busy, setBusy] = useState<OpenStory["busy"]>(null);
  const [error, setError] = useState<unknown>(null);
  const kept = useRef(""); // the text that the server has
  const typed = useRef(""); // the text that is on the page
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const open = useRef(new AbortController());

  const put = useCallback((value: string) => {
    typed.current = value;
    setText(value);
  }, []);

  const listen = useCallback(
    async (running: string, after: number, signal: AbortSignal) => {
      try {
        for await (const event of events(stories.heard(id, running, after), { signal })) {
          const told = JSON.parse(event.data);
          if (event.event === "done") {
            setPiece(told as Piece);
            return;
          }
          if (told.text) put(typed.current + told.text);
          setStage(told.progress ? (told.progress.stage as string) : null);
        }
      } catch (problem) {
        if (signal.aborted) return;
        if (!(problem instanceof Problem) || problem.status !== 0) throw problem;
        await connection.back(signal);
      }
    },
    [id, put],
  );

  const load = useCallback(async () => {
    const { signal } = open.current;
    for (;;) {
      const now = await stories.text(id, signal);
      if (signal.aborted) return;
      kept.current = now.text;
      put(now.text);
      setStory(now);
      if (!now.running) return setStage(null);
      await listen(now.running, now.seq ?? 0, signal);
      if (signal.aborted) return;
    }
  }, [id, put, listen]);

  const save = useCallback(async () => {
    clearTimeout(timer.current);
    const value = typed.current;
    if (value === kept.current) return;
    const now = await stories.save(id, value);
    kept.current = value;
    setStory(now);
  }, [id]);

  /** Does something after what was typed is kept, and then shows the story as it is. */
  const act = useCallback(
    async (kind: OpenStory["busy"], done: () => Promise<unknown>) => {
      const { signal } = open.current;
      setError(null);
      setBusy(kind);
      try {
        await save();
        await done();
        await load();
      } catch (problem) {
        if (!signal.aborted) setError(problem);
      }
      setBusy(null);
    },
    [save, load],
  );

  useEffect(() => {
    open.current = new AbortController();
    const leaving = open.current;
    load().catch((problem) => !leaving.signal.aborted && setError(problem));
    const leave = () => {
      clearTimeout(timer.current);
      if (typed.current !== kept.current) {
        kept.current = typed.current;
        stories.save(id, typed.current, true).catch(() => undefined);
      }
    };
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      leave();
      leaving.abort();
    };
  }, [id, load]);

  const edit = (value: string) => {
    put(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => save().then(() => setError(null), setError), SAVE_MS);
  };
  const begin = (asked: () => Promise<Piece>) => {
    setPiece(null);
    act("writing", asked);
  };
  return {
    story,
    text,
    piece,
    stage,
    busy,
    error,
    edit,
    save,
    write: () => begin(() => stories.write(id)),
    retry: () => begin(() => stories.retry(id)),
    stop: () => {
      if (story?.running) stories.stop(id, story.running).catch(setError);
    },
    show: (current) => {
      setPiece(null);
      act("changing", () => stories.change(id, { current }));
    },
    rewrite: (value) => {
      put(value);
      begin(() => stories.write(id));
    },
  };
}
