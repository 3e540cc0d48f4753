// What one wants to know first: where is it, what changed, what waits for me, is the cluster well.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { base, get } from "../api.ts";
import { ago, t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { ClusterLine } from "../parts/cluster-line.tsx";
import { EventList } from "../parts/event-list.tsx";
import { Badge, Copy, Empty, Page, Show } from "../parts/ui.tsx";
import { useFeed } from "../events.ts";
import { go, href } from "../router.ts";
import type { Draft } from "../types.ts";

const SHOWN = 12;

export function Home(): JSX.Element {
  const words = useSignal("");
  const box = useRef<HTMLInputElement>(null);
  const feed = useFeed({});
  const drafts = useLoad((signal) => get<{ drafts: Draft[] }>("/api/v1/drafts", { pageSize: 200 }, signal), []);
  const subjects = useLoad((signal) => get<{ subjects: string[] }>("/api/v1/subjects", { pageSize: 1 }, signal), []);
  useEffect(() => box.current?.focus(), []);
  const root = base.href.replace(/\/$/, "");
  const first = [
    `curl -X POST -H 'Content-Type: application/json' -d '{"schema":"\\"string\\""}' ${root}/subjects/hello/versions`,
    `curl ${root}/subjects`,
    `registryctl --url ${root} schema get hello latest --text`,
  ];
  return (
    <Page title={t("home.title")} lead={<ClusterLine />}>
      <form class="big-search" role="search" onSubmit={(event) => { event.preventDefault(); go(href(["search"], { q: words.value })); }}>
        <label for="home-search" class="hidden">{t("search.label")}</label>
        <input id="home-search" ref={box} type="search" placeholder={t("search.placeholder")} value={words.value} onInput={(event) => { words.value = event.currentTarget.value; }} />
        <button type="submit" class="main">{t("search.go")}</button>
      </form>
      <Show load={subjects} quiet>{({ subjects: some }) => some.length > 0 ? null : (
        <section class="panel" aria-labelledby="first-use">
          <h2 id="first-use">{t("home.first")}</h2>
          {first.map((line) => <div class="twin-line" key={line}><pre tabIndex={0}><code>{line}</code></pre><Copy text={line} /></div>)}
        </section>
      )}</Show>
      <div class="columns">
        <section class="panel" aria-labelledby="changed">
          <h2 id="changed">{t("home.changed")}</h2>
          <EventList feed={feed} most={SHOWN} />
          <p><a href={href(["events"])}>{t("home.all-events")}</a></p>
        </section>
        <section class="panel" aria-labelledby="waiting">
          <h2 id="waiting">{t("home.drafts")}</h2>
          <Show load={drafts}>{({ drafts: all }) => {
            const open = all.filter((draft) => draft.state !== "ACTIVE" && draft.state !== "REJECTED");
            if (open.length === 0) return <Empty>{t("drafts.none")}</Empty>;
            return (
              <ul class="plain">
                {open.slice(0, SHOWN).map((draft) => (
                  <li key={draft.id}><a href={href(["d", draft.subject, draft.id])}>{draft.subject}</a> <Badge word={draft.state} /> <span class="soft">{draft.author} · {ago(draft.createdMs)}</span></li>
                ))}
              </ul>
            );
          }}</Show>
          <p><a href={href(["drafts"])}>{t("home.all-drafts")}</a></p>
        </section>
      </div>
    </Page>
  );
}
