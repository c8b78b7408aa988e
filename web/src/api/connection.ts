/** Whether the server answers. After a silence it is asked again, less and less often, until it does. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

type State = "here" | "away";

class Connection {
  state: State = "here";
  private readonly listeners = new Set<() => void>();
  private waitMs = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): State => this.state;

  lost(): void {
    if (this.state === "here") this.become("away");
    this.timer ??= setTimeout(this.look, this.waitMs);
  }

  found(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waitMs = FIRST_WAIT_MS;
    if (this.state === "away") this.become("here");
  }

  /** Resolves when the server answers again; at once if it does. */
  back(signal?: AbortSignal): Promise<void> {
    if (this.state === "here") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = this.subscribe(() => {
        if (this.state === "here") {
          stop();
          resolve();
        }
      });
      signal?.addEventListener("abort", () => {
        stop();
        reject(signal.reason);
      });
    });
  }

  look = async (): Promise<void> => {
    this.timer = undefined;
    try {
      const answer = await fetch("/healthz", { cache: "no-store" });
      if (answer.ok) return this.found();
    } catch {
      // still away
    }
    this.waitMs = Math.min(LONGEST_WAIT_MS, this.waitMs * 2);
    this.lost();
  };

  private become(state: State): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

export const connection = new Connection();
