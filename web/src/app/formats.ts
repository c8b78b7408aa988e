/** Numbers, sizes and times by the rules of the language that is shown. */
import i18next from "i18next";

const formatters = new Map<string, Intl.NumberFormat>();

export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  const name = `${i18next.language}${JSON.stringify(options)}`;
  let found = formatters.get(name);
  if (!found) {
    found = new Intl.NumberFormat(i18next.language, options);
    formatters.set(name, found);
  }
  return found.format(value);
}

export function percent(share: number): string {
  return number(share, { style: "percent", maximumFractionDigits: 0 });
}

const BYTES = ["B", "kB", "MB", "GB", "TB"];

/** Bytes in steps of a thousand, with at most three digits. */
export function bytes(value: number): string {
  let step = 0;
  let left = value;
  while (left >= 999.5 && step < BYTES.length - 1) {
    left /= 1000;
    step += 1;
  }
  return `${number(left, { maximumFractionDigits: left < 9.95 && step > 0 ? 1 : 0 })}\u00a0${BYTES[step]}`;
}

export function seconds(value: number): string {
  if (value < 90) return `${number(value, { maximumFractionDigits: value < 10 ? 1 : 0 })}\u00a0s`;
  const minutes = Math.round(value / 60);
  if (minutes < 90) return `${number(minutes)}\u00a0min`;
  return `${number(minutes / 60, { maximumFractionDigits: 1 })}\u00a0h`;
}

/** Energy: people know watt-hours, from their bills. */
export function energy(joules: number): string {
  const hours = joules / 3600;
  if (hours < 0.1) return `${number(hours * 1000, { maximumSignificantDigits: 2 })}\u00a0mWh`;
  return hours < 1000
    ? `${number(hours, { maximumSignificantDigits: 2 })}\u00a0Wh`
    : `${number(hours / 1000, { maximumSignificantDigits: 3 })}\u00a0kWh`;
}

/** `≈ 0.2 Wh · €0.01`: marked where it is an estimate, with its cost where that is known. */
export function energyAndCost(joules: number, cost: number | null, currency: string, estimated: boolean): string {
  const words = (estimated ? "≈ " : "") + energy(joules);
  return cost === null ? words : `${words} · ${money(cost, currency)}`;
}

export function money(value: number, currency: string): string {
  return number(value, { style: "currency", currency, maximumSignificantDigits: value < 1 ? 2 : undefined });
}

/** unixSeconds: as the server tells times. */
export function time(unixSeconds: number): string {
  return new Intl.DateTimeFormat(i18next.language, { hour: "numeric", minute: "2-digit" }).format(unixSeconds * 1000);
}

export function day(unixSeconds: number): string {
  const then = new Date(unixSeconds * 1000);
  const year = then.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(i18next.language, { day: "numeric", month: "long", year }).format(then);
}

export function moment(unixSeconds: number): string {
  return `${day(unixSeconds)}, ${time(unixSeconds)}`;
}
