/**
 * Answers under way. Each is followed once, however many parts of the page show it, from the number of its last event on;
 * when the stream breaks it is taken up again where it broke. Those who show it are told twenty times a second at most: more
 * is not read, and each time costs a drawing.
 */
import { useSyncExternalStore } from "react";
import { Problem } from "@/api/client";
import { connection } from "@/api/connection";
import { events } from "@/api/events";
import { queries } from "@/api/server";
import { chatQuery, eventsPath, keep, listAgain, type Message, type Progress } from "./chats";

export interface Live {
  text: string;
  reasoning: string;
  progress: Progress | null;
  away: boolean; // the stream broke, and is being taken up again
}

interface Delta {
  seq: number;
  text?: string;
  reasoning?: string;
  progress?: Progress;
}

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;
const PACE_MS = 50;
const EMPTY: Live = { text: "", reasoning: "", progress: null, away: false };

const answers = new Map<string, Answer>();
const listeners = new Set<() => void>();
let announced = false;
let toldAt = 0;

function announce(): void {
  if (announced) return;
  announced = true;
  const tell = () => {
    announced = false;
    toldAt = performance.now();
    for (const listener of listeners) listener();
  };
  // A tab that is not seen draws no frames.
  if (document.hidden) setTimeout(tell, 200);
  else setTimeout(requestAnimationFrame, toldAt + PACE_MS - performance.now(), tell);
}

class Answer {
  live: Live;
  private seq: number;
  private readonly message: Message;

  constructor(message: Message) {
    this.message = message;
    this.seq = message.seq ?? 0;
    const { content, reasoning, progress } = message;
    this.live =
      message.seq === undefined
        ? EMPTY
        : { ...EMPTY, text: content, reasoning: reasoning ?? "", progress: progress ?? null };
  }

  async follow(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    for (;;) {
      try {
        const done = await this.listen();
        if (done) return this.end(done);
      } catch (error) {
        if (error instanceof Problem && error.status !== 0 && error.status < 500) return this.end(null);
        connection.lost();
      }
      this.set({ away: true });
      await connection.back();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
    }
  }

  /** The whole message when the stream comes to its end, null where it breaks off before. */
  private async listen(): Promise<Message | null> {
    for await (const { event, data } of events(eventsPath(this.message, this.seq))) {
      if (event === "done") return JSON.parse(data) as Message;
      if (event === "delta") this.take(JSON.parse(data) as Delta);
    }
    return null;
  }

  private take({ seq, text = "", reasoning = "", progress }: Delta): void {
    this.seq = seq;
    const wrote = text !== "" || reasoning !== "";
    this.set({
      text: this.live.text + text,
      reasoning: this.live.reasoning + reasoning,
      progress: progress ?? (wrote ? null : this.live.progress),
      away: false,
    });
  }

  private set(change: Partial<Live>): void {
    this.live = { ...this.live, ...change };
    announce();
  }

  private end(message: Message | null): void {
    answers.delete(this.message.id);
    if (message) keep(message);
    else queries.invalidateQueries({ queryKey: chatQuery(this.message.chat_id).queryKey });
    announce();
    listAgain();
  }
}

/** Follows every answer among the messages that is being written. */
export function followAll(messages: readonly Message[]): void {
  for (const message of messages) {
    if (message.status !== "running" || answers.has(message.id)) continue;
    const answer = new Answer(message);
    answers.set(message.id, answer);
    void answer.follow();
  }
}

/** An answer as it is by now; null for one that is not being written. */
export function useLive(id: string): Live | null {
  return useSyncExternalStore(subscribe, () => answers.get(id)?.live ?? null);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
