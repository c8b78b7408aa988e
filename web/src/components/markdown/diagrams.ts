/**
 * Diagrams that a model wrote for mermaid, drawn as SVG in a hidden frame of their own (`web/diagram`), which is made when the first
 * one is to be seen. One that takes too long costs that frame.
 */
import { useEffect, useState } from "react";

export interface Drawing {
  address: string; // of the SVG, for a picture: there no script runs and nothing is loaded
  width: number;
}
type Answer = { number: number; svg: string } | { ready: true };

const MOST_CHARACTERS = 20_000;
const PATIENCE_MS = 15_000;
const MOST_KEPT = 40;
const kept = new Map<string, Drawing | null>();
let room: { frame: HTMLIFrameElement; ready: Promise<void> } | null = null;
let last = 0;

/** The drawing of `text`; undefined as long as there is none, null where it can't be drawn. */
export function useDiagram(text: string, dark: boolean): Drawing | null | undefined {
  const key = `${dark} ${text}`;
  const [, setDrawn] = useState("");
  useEffect(() => {
    if (text === "" || kept.has(key)) return;
    let left = false;
    draw(text, dark)
      .then(pictureOf, () => null)
      .then((drawing) => {
        keep(key, drawing);
        if (!left) setDrawn(key);
      });
    return () => {
      left = true;
    };
  }, [key, text, dark]);
  return kept.get(key);
}

async function draw(text: string, dark: boolean): Promise<string> {
  if (text.length > MOST_CHARACTERS) return "";
  room ??= opened();
  const { frame, ready } = room;
  const number = ++last;
  const drawn = heard(frame, (answer) => "number" in answer && answer.number === number);
  void ready.then(() => frame.contentWindow?.postMessage({ number, text, dark }, "*"));
  let timer = 0;
  const tooSlow = new Promise<never>((_, reject) => {
    timer = window.setTimeout(reject, PATIENCE_MS);
  });
  try {
    const answer = await Promise.race([drawn, tooSlow]);
    return "svg" in answer ? answer.svg : "";
  } catch (error) {
    frame.remove();
    if (room?.frame === frame) room = null;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function opened(): { frame: HTMLIFrameElement; ready: Promise<void> } {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = "/diagram";
  frame.className = "diagram-room";
  frame.title = "mermaid";
  frame.tabIndex = -1;
  frame.ariaHidden = "true";
  const ready = heard(frame, (answer) => "ready" in answer).then(() => undefined);
  document.body.append(frame);
  return { frame, ready };
}

/** The frame's first answer of a kind. */
function heard(frame: HTMLIFrameElement, wanted: (answer: Answer) => boolean): Promise<Answer> {
  return new Promise((resolve) => {
    addEventListener("message", function listen({ source, data }: MessageEvent<Answer>) {
      if (source !== frame.contentWindow || source === null || !wanted(data)) return;
      removeEventListener("message", listen);
      resolve(data);
    });
  });
}

/** Null: it could not be drawn. */
function pictureOf(svg: string): Drawing | null {
  const width = Number(/viewBox="\S+ \S+ (\S+) /.exec(svg)?.[1]);
  if (!(width > 0)) return null;
  return { address: URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" })), width: Math.ceil(width) };
}

function keep(key: string, drawing: Drawing | null): void {
  kept.set(key, drawing);
  for (const [old, oldDrawing] of kept) {
    if (kept.size <= MOST_KEPT) return;
    if (oldDrawing) URL.revokeObjectURL(oldDrawing.address);
    kept.delete(old);
  }
}
