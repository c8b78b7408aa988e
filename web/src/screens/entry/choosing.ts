/** Three models to begin with: the best that runs here, the best for many languages, the quickest to have. Pure. */
export interface Range {
  low: number;
  high: number;
}

export interface Offer {
  task: string;
  best: boolean;
  entry: { name: string; purpose: string; download_bytes: number; licence: string; parameters: number };
  plan: { verdict: string; needed_bytes: number; speed: { answer: Range; prompt: Range; measured: boolean } | null };
}

export interface Choice {
  role: "best" | "languages" | "quick";
  offer: Offer;
}

export function threeOf(offers: readonly Offer[]): Choice[] {
  const running = offers.filter((offer) => offer.plan.verdict === "fits" || offer.plan.verdict === "tight");
  const chats = running.filter((offer) => offer.task === "chat");
  const taken = new Set<string>();
  const choices: Choice[] = [];
  const take = (role: Choice["role"], from: readonly Offer[]) => {
    const offer = from.find(({ entry }) => !taken.has(entry.name));
    if (!offer) return;
    taken.add(offer.entry.name);
    choices.push({ role, offer });
  };
  take(
    "best",
    [...chats].sort((a, b) => Number(b.best) - Number(a.best)),
  );
  const languages = running.filter((offer) => offer.task === "languages");
  take(
    "languages",
    [...languages].sort((a, b) => Number(b.best) - Number(a.best)),
  );
  take(
    "quick",
    [...chats].sort((a, b) => a.entry.download_bytes - b.entry.download_bytes),
  );
  return choices;
}

/** How that feels: a person reads about seven tokens a second (300 words a minute). */
export function pace(offer: Offer): "slow" | "reading" | "fast" | null {
  const speed = offer.plan.speed?.answer;
  if (!speed) return null;
  const middle = (speed.low + speed.high) / 2;
  if (middle < 5) return "slow";
  return middle < 15 ? "reading" : "fast";
}
