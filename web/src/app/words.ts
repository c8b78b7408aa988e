/**
 * Languages are folders in `locales/`: one JSON file for each screen, loaded when the screen is. A folder more is a
 * language more; what it lacks is said in English.
 */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { preferences } from "./preferences";

type Words = Record<string, unknown>;
const files = import.meta.glob<Words>("../locales/*/*.json", { import: "default" });
const file = (language: string, part: string) => files[`../locales/${language}/${part}.json`];

/** Codes of the languages there are. Their names in themselves come from the browser. */
export const LANGUAGES = [...new Set(Object.keys(files).map((path) => path.split("/")[2] ?? ""))].sort();

export function nameOf(language: string): string {
  const name = new Intl.DisplayNames([language], { type: "language" }).of(language) ?? language;
  return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
}

export function chosenLanguage(): string {
  const wished = [preferences().language, ...navigator.languages].map((tag) => tag.split("-")[0] ?? "");
  return wished.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

export async function startWords(): Promise<void> {
  i18next.on("languageChanged", (language) => {
    document.documentElement.lang = language;
  });
  await i18next
    .use({
      type: "backend",
      read: (language: string, part: string, done: (error: unknown, words: Words | boolean) => void) => {
        const load = file(language, part);
        if (load)
          load().then(
            (words) => done(null, words),
            (error) => done(error, false),
          );
        else done(null, {});
      },
    })
    .use(initReactI18next)
    .init({
      lng: chosenLanguage(),
      fallbackLng: "en",
      ns: ["frame"],
      defaultNS: "frame",
      fallbackNS: "frame",
      interpolation: { escapeValue: false }, // React does
      returnNull: false,
    });
}
