/** Who is logged in. The token that every change needs comes with it and is kept in this page's memory alone. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { request } from "./client";
import { storeToken } from "./token";

export interface User {
  id: string;
  name: string;
  role: "admin" | "user";
  groups: string[];
  created_at: number;
  disabled_at: number | null;
  last_login_at: number | null;
  password: boolean;
  totp: boolean;
  oidc: boolean;
}

export interface Used {
  requests: number;
  tokens: number;
  cost: number;
}

/** Of a key, a group or an account; null is no limit. */
export interface Limits {
  requests_per_minute: number | null;
  tokens_per_day: number | null;
  tokens_per_month: number | null;
  cost_per_month: number | null;
}

export interface Session {
  /** single: nobody is asked who they are; keys: callers need one; people: they log in */
  mode: "single" | "keys" | "people";
  oidc: string | null; // what the button for another login says
  user: User | null;
  scope: "inference" | "models" | "admin" | null;
  token: string | null;
  limits?: Limits;
  used?: { today: Used; month: Used };
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    const session = await request<Session>("/api/domov/session", { signal });
    storeToken(session.token ?? "");
    return session;
  },
  staleTime: 60_000,
});

export function useSession(): Session | undefined {
  return useQuery(sessionQuery).data;
}
