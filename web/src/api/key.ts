/** The key of a server that asks for one, kept for as long as this tab is open and for no other page. */
const NAME = "domov.key";

export function storedKey(): string {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

export function storeKey(key: string): void {
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch {
    // a browser that keeps nothing asks again
  }
}
