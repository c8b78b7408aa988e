/** What shows the server that a change is this page's will: other pages can send its cookie, but not this. */
let token = "";

export function pageToken(): string {
  return token;
}

export function storeToken(value: string): void {
  token = value;
}

/** Told when the server does not know any more who this is. */
export const LOGGED_OUT = "domov:logged-out";
