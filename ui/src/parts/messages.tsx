// Why a schema is not compatible.
import type { JSX } from "preact";
import { t } from "../i18n.ts";
import { findingsIn } from "../schema/findings.ts";

const SHOWN_MAX = 50;

export function Messages({ messages }: { messages: string[] }): JSX.Element | null {
  const { findings, against } = findingsIn(messages);
  if (findings.length === 0) return null;
  return (
    <>
      {against > 0 && <p class="soft">{t("editor.against", { version: against })}</p>}
      <ul class="messages">{findings.slice(0, SHOWN_MAX).map(({ kind, text }, at) => <li key={at}>{text}{kind && <> <code class="soft">{kind}</code></>}</li>)}</ul>
    </>
  );
}
