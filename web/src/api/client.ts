/**
 * The one way to the server. Every failure is a Problem with a sentence for people; whether the server answers at all
 * is noted in `connection`, so that the frame can say it once, in one place.
 */
import { connection } from "./connection";
import { storedKey } from "./key";
import { LOGGED_OUT, pageToken } from "./token";

/** What went wrong, in the server's words. status 0: it did not answer. */
export class Problem extends Error {
  readonly status: number;
  readonly kind: string;
  readonly retryAfterSeconds: number | null;

  constructor(message: string, status: number, kind = "", retryAfterSeconds: number | null = null) {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.kind = kind;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface Asked {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown; // sent as JSON, a FormData as a form, a Blob as bytes
  signal?: AbortSignal;
  accept?: string;
  /** Goes on after the page is closed: for what must not be lost, as a draft. */
  keepalive?: boolean;
}

export function query(parameters: Record<string, string | number | boolean | null | undefined>): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))}` : "";
}

/** The answer itself, for streams and files. Throws Problem, and AbortError where `signal` ends it. */
export async function ask(
  path: string,
  { method = "GET", body, signal, accept, keepalive }: Asked = {},
): Promise<Response> {
  const headers: Record<string, string> = { accept: accept ?? "application/json" };
  const key = storedKey();
  if (key) headers.authorization = `Bearer ${key}`;
  if (method !== "GET" && pageToken()) headers["x-domov-token"] = pageToken();
  const init: RequestInit = {
    method,
    headers,
    signal: signal ?? null,
    keepalive: keepalive ?? false,
    redirect: "error",
  };
  if (body instanceof FormData) init.body = body;
  else if (body instanceof Blob) {
    headers["content-type"] = "application/octet-stream";
    init.body = body;
  } else if (body !== undefined) {
    headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    connection.lost();
    throw new Problem("", 0, "unreachable");
  }
  connection.found();
  if (answer.status === 401 && path !== "/api/domov/session") window.dispatchEvent(new Event(LOGGED_OUT));
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

export async function request<T>(path: string, asked: Asked = {}): Promise<T> {
  const answer = await ask(path, asked);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

async function problemOf(answer: Response): Promise<Problem> {
  const wait = Number(answer.headers.get("retry-after"));
  let message = "";
  let kind = "";
  try {
    const { error } = (await answer.json()) as { error?: { message?: string; type?: string } | string };
    message = typeof error === "string" ? error : (error?.message ?? "");
    kind = typeof error === "object" ? (error.type ?? "") : "";
  } catch {
    // an answer of something in between, as a proxy's
  }
  return new Problem(message || `${answer.status} ${answer.statusText}`, answer.status, kind, wait > 0 ? wait : null);
}
