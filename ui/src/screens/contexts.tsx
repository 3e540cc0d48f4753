// Contexts, and the settings of everything, of a context, of any scope.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { ctl, get, path, send } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { GLOBAL, ScopeSettings, nameOf } from "../parts/scope.tsx";
import { Confirm, Page, Show, Twin } from "../parts/ui.tsx";
import { href, place } from "../router.ts";

export function Contexts(): JSX.Element {
  const scope = place.value.query.get("scope") ?? GLOBAL;
  const chosen = scope === "." ? "" : scope;
  const removing = useSignal("");
  const contexts = useLoad((signal) => get<string[]>("/contexts", {}, signal), []);
  return (
    <Page title={t("contexts.title")} lead={<p class="soft">{t("contexts.lead")}</p>}>
      <div class="columns side">
        <nav class="panel" aria-label={t("contexts.title")}>
          <ul class="plain">
            <li><a href={href(["contexts"])} aria-current={chosen === GLOBAL ? "page" : undefined}>{t("scope.global")}</a></li>
            <Show load={contexts}>{(names) => <>{names.map((name) => {
              const own = name === "." ? "." : `:${name}:`;
              return <li key={name}><a href={href(["contexts"], { scope: own })} aria-current={scope === own ? "page" : undefined}>{name === "." ? t("scope.default") : name}</a> <a class="soft" href={href(["subjects"], { context: name })}>{t("contexts.subjects")}</a>{name !== "." && <> <button type="button" class="small" aria-label={`${t("remove")}: ${name}`} onClick={() => { removing.value = name; }}>{t("remove")}</button></>}</li>;
            })}</>}</Show>
          </ul>
          <Twin call={{ method: "GET", path: "/contexts" }} ctl={ctl("context", "list")} />
        </nav>
        <section aria-labelledby="scope"><h2 id="scope">{nameOf(chosen)}</h2><ScopeSettings key={chosen} scope={chosen} /></section>
      </div>
      {removing.value && <Confirm title={t("contexts.remove", { name: removing.value })} effect={<p>{t("contexts.remove-effect")}</p>} name={removing.value} verb={t("remove")} call={() => ({ method: "DELETE", path: path`/contexts/${removing.value}` })} ctl={() => ctl("context", "delete", removing.value)} run={(call) => send(call)} onDone={contexts.again} onClose={() => { removing.value = ""; }} />}
    </Page>
  );
}
