/** Logging in and out: what another person has seen is forgotten first. */

import { request } from "@/api/client";
import { queries } from "@/api/server";
import { type Session, sessionQuery } from "@/api/session";
import { storeToken } from "@/api/token";

export function entered(session: Session): void {
  storeToken(session.token ?? "");
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
  queries.setQueryData(sessionQuery.queryKey, session); // whoever waits for it hears of it
}

export async function leave(): Promise<void> {
  await request("/api/domov/session", { method: "DELETE" });
  storeToken("");
  location.assign("/");
}
