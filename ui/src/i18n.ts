// One catalogue of messages per language. English is always there; another language is loaded when it is wanted.
import { computed, effect, signal } from "@preact/signals";
import { settings } from "./settings.ts";
import { en } from "./text/en.ts";
import { type Values, fill } from "./text/fill.ts";

export type Key = keyof typeof en;
export type Catalogue = Record<Key, string>;

export const LANGUAGES = { en: "English", de: "Deutsch" } as const;

const wanted = computed<"en" | "de">(() => {
  const chosen = settings.value.language;
  if (chosen !== "") return chosen;
  return navigator.language.startsWith("de") ? "de" : "en";
});
const catalogue = signal<Catalogue>(en);
export const language = signal<"en" | "de">("en");

effect(() => {
  const next = wanted.value;
  const use = (texts: Catalogue): void => {
    catalogue.value = texts;
    language.value = next;
    document.documentElement.lang = next;
  };
  if (next === "en") use(en);
  else void import("./text/de.ts").then((module) => { if (wanted.value === next) use(module.de); });
});

/** A message. `{name}` is replaced by a value; `{n|# thing|# things}` by the form for that number, `#` being the number.
 *  Empty for a key that there is not. */
export function t(key: Key, values: Values = {}): string {
  return fill(catalogue.value[key] ?? en[key] ?? "", values, language.value);
}

export function count(value: number): string {
  return value.toLocaleString(language.value);
}

export function time(ms: number): string {
  if (!ms) return "–";
  return new Date(ms).toLocaleString(language.value, { dateStyle: "medium", timeStyle: "medium" });
}

export function ago(ms: number): string {
  if (!ms) return "–";
  const seconds = (ms - Date.now()) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = steps.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language.value, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (size >= 1000 && at < units.length - 1) { size /= 1000; at += 1; }
  return `${size.toLocaleString(language.value, { maximumFractionDigits: at === 0 ? 0 : 1 })} ${units[at]}`;
}
