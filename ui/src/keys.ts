// Keys that work everywhere but where somebody writes. They can be turned off (WCAG 2.1.4).
import { signal } from "@preact/signals";
import { go, href } from "./router.ts";
import { settings } from "./settings.ts";

export const helpOpen = signal(false);

export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest("dialog") !== null);
}

export const settingsAllowKeys = (): boolean => settings.peek().keys;

export const GOES: Record<string, string[]> = { h: [], s: ["subjects"], d: ["drafts"], p: ["play"], x: ["contexts"], e: ["events"], a: ["audit"], c: ["cluster"], l: ["llm"], n: ["new"] };

let began = 0;
export function listen(): void {
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "k") {
      event.preventDefault();
      document.getElementById("top-search")?.focus();
      return;
    }
    if (!settingsAllowKeys() || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      (document.querySelector<HTMLElement>("[data-focus]") ?? document.getElementById("top-search"))?.focus();
    } else if (event.key === "?") {
      helpOpen.value = true;
    } else if (event.key === "g") {
      began = event.timeStamp;
    } else if (began > 0 && event.timeStamp - began < 1500) {
      began = 0;
      const to = GOES[event.key];
      if (to) { event.preventDefault(); go(href(to)); }
    }
  });
}
