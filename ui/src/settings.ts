// What somebody chose in this browser, kept in this browser.
import { effect, signal } from "@preact/signals";

export interface Settings {
  theme: "system" | "light" | "dark";
  density: "comfortable" | "compact";
  language: "" | "en" | "de";
  keys: boolean;
  /** Verifier keys of nodes that this browser has seen, by the name in the key: the first one is trusted and kept. */
  pinned: Record<string, string>;
  /** The largest signed tree head that this browser has checked, by cluster. */
  heads: Record<string, { size: number; root: string }>;
}

const PLACE = "registry-ui";
const DEFAULTS: Settings = { theme: "system", density: "comfortable", language: "", keys: true, pinned: {}, heads: {} };

function stored(): Settings {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(PLACE) ?? "{}") };
  } catch {
    return DEFAULTS;
  }
}

export const settings = signal<Settings>(stored());

export function choose(change: Partial<Settings>): void {
  settings.value = { ...settings.value, ...change };
}

effect(() => {
  const { theme, density } = settings.value;
  const root = document.documentElement;
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
  root.dataset["density"] = density;
  try {
    localStorage.setItem(PLACE, JSON.stringify(settings.value));
  } catch {
    // A browser that keeps nothing forgets with the tab.
  }
});
