// The keys that work everywhere.
import type { JSX } from "preact";
import { type Key, t } from "../i18n.ts";
import { GOES, helpOpen } from "../keys.ts";
import { Dialog } from "./ui.tsx";

const NAMES: Record<string, Key> = { h: "nav.home", s: "nav.subjects", d: "nav.drafts", p: "nav.play", x: "nav.contexts", e: "nav.events", a: "nav.audit", c: "nav.cluster", l: "nav.llm", n: "new.go" };

export function KeyTable(): JSX.Element {
  const rows: [string, string][] = [["/", t("keys.filter")], ["Ctrl-K", t("keys.search")], ["j, k", t("keys.step")], ["Ctrl-Enter", t("keys.main")], ["?", t("keys.help")], ...Object.keys(GOES).map((key): [string, string] => [`g ${key}`, t(NAMES[key] ?? "nav.home")])];
  return (
    <table class="keys"><caption>{t("keys.title")}</caption><thead><tr><th scope="col">{t("keys.key")}</th><th scope="col">{t("keys.does")}</th></tr></thead>
      <tbody>{rows.map(([key, does]) => <tr key={key}><th scope="row"><kbd>{key}</kbd></th><td>{does}</td></tr>)}</tbody></table>
  );
}

export function Help(): JSX.Element | null {
  if (!helpOpen.value) return null;
  const close = (): void => { helpOpen.value = false; };
  return <Dialog title={t("keys.title")} onClose={close}><KeyTable /><div class="actions end"><button type="button" class="main" onClick={close}>{t("close")}</button></div></Dialog>;
}
