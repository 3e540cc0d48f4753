// The frame around the screens: where one can go, the search, which node answers. Each screen is loaded when it is first opened.
import { signal, useSignal } from "@preact/signals";
import { type ComponentType, type JSX, render } from "preact";
import { useEffect } from "preact/hooks";
import { credentials, get, node, signInWanted } from "./api.ts";
import { type Key, language, t } from "./i18n.ts";
import { helpOpen, listen } from "./keys.ts";
import { Help } from "./parts/help.tsx";
import { SignIn } from "./parts/sign-in.tsx";
import { Failure, Page } from "./parts/ui.tsx";
import { go, href, place } from "./router.ts";
import "./style.css";

type Screen = () => Promise<ComponentType<{ given: string }>>;
const SCREENS: Record<string, Screen> = {
  "": () => import("./screens/home.tsx").then((module) => module.Home),
  subjects: () => import("./screens/browse.tsx").then((module) => module.Browse),
  search: () => import("./screens/search.tsx").then((module) => module.Search),
  id: () => import("./screens/search.tsx").then((module) => module.ById),
  s: () => import("./screens/subject.tsx").then((module) => module.Subject),
  edit: () => import("./screens/editor.tsx").then((module) => module.Editor),
  drafts: () => import("./screens/drafts.tsx").then((module) => module.Drafts),
  d: () => import("./screens/drafts.tsx").then((module) => module.DraftScreen),
  play: () => import("./screens/play.tsx").then((module) => module.Play),
  contexts: () => import("./screens/contexts.tsx").then((module) => module.Contexts),
  events: () => import("./screens/events.tsx").then((module) => module.Events),
  audit: () => import("./screens/audit.tsx").then((module) => module.Audit),
  cluster: () => import("./screens/cluster.tsx").then((module) => module.Cluster),
  llm: () => import("./screens/llm.tsx").then((module) => module.LlmScreen),
  settings: () => import("./screens/settings.tsx").then((module) => module.SettingsScreen),
};

const NAV: [Key, string[]][] = [
  ["nav.home", []], ["nav.subjects", ["subjects"]], ["nav.search", ["search"]], ["nav.drafts", ["drafts"]], ["nav.play", ["play"]], ["nav.llm", ["llm"]],
  ["nav.contexts", ["contexts"]], ["nav.events", ["events"]], ["nav.audit", ["audit"]], ["nav.cluster", ["cluster"]],
];

/** Which screen a place is, and the subject that it is given. */
function screenAt(parts: string[]): { name: string; given: string } {
  const [first = "", second = "", third = ""] = parts;
  if (first === "new") return { name: "edit", given: "" };
  if (first === "s" && third === "edit") return { name: "edit", given: second };
  return { name: first, given: second };
}

/** Everything is asked anew: somebody else is asking. */
const round = signal(0);

function App(): JSX.Element {
  const loaded = useSignal<{ name: string; screen: ComponentType<{ given: string }> } | null>(null);
  const failure = useSignal<unknown>(null);
  const words = useSignal("");
  const { name, given } = screenAt(place.value.parts);
  useEffect(() => {
    failure.value = null;
    const screen = SCREENS[name];
    if (!screen) { loaded.value = { name, screen: NotFound }; return; }
    screen().then((found) => { if (screenAt(place.peek().parts).name === name) loaded.value = { name, screen: found }; }, (error: unknown) => { failure.value = error; });
  }, [name, round.value]);
  useEffect(() => {
    // Who reads with a screen reader hears where they are; home keeps the focus in its search.
    const home = name === "";
    if (loaded.value?.name === name && !home) document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [loaded.value?.name, place.value.parts.slice(0, 2).join("/")]);
  const Current = loaded.value?.name === name ? loaded.value.screen : null;
  const about = node.value;
  const who = useSignal("");
  useEffect(() => {
    // Who asks, as the registry sees it; a refusal to tell is no failure of the page.
    get<{ principal?: string }>("/v1/auth/whoami").then(({ principal }) => { who.value = principal ?? ""; }, () => { who.value = ""; });
  }, [round.value]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>{t("skip")}</a>
      <header class="top">
        <a class="brand" href={href([])}><svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" class="brand-box" /><path d="M9 10h14M9 16h9M9 22h14" class="brand-lines" /></svg>{t("app.name")}</a>
        <form role="search" aria-label={t("search.label")} onSubmit={(event) => { event.preventDefault(); go(href(["search"], { q: words.value })); words.value = ""; }}>
          <input id="top-search" type="search" aria-label={t("search.label")} placeholder={t("search.short")} value={words.value} onInput={(event) => { words.value = event.currentTarget.value; }} />
        </form>
        <span class="tools">
          {who.value && <span class="soft who">{who.value}</span>}
          <button type="button" class="small" onClick={() => { if (credentials.value) { credentials.value = ""; round.value += 1; } else signInWanted.value = true; }}>{credentials.value ? t("sign-in.out") : t("sign-in.in")}</button>
          <button type="button" class="small" aria-label={t("keys.title")} onClick={() => { helpOpen.value = true; }}>?</button>
          <a class="button small" href={href(["settings"])}>{t("settings.title")}</a>
        </span>
      </header>
      <nav class="side-nav" aria-label={t("nav.label")}>
        <ul>{NAV.map(([key, parts]) => <li key={key}><a href={href(parts)} aria-current={(parts[0] ?? "") === name || (parts[0] === "subjects" && name === "s") || (parts[0] === "drafts" && name === "d") ? "page" : undefined}>{t(key)}</a></li>)}</ul>
        <p class="soft about-node">{about.id && <>{t("node.answers", { id: about.id, region: about.region })}{about.staleness && about.staleness !== "unknown" ? ` · ${t("node.staleness", { ms: Number(about.staleness) })}` : ""}</>}</p>
        <p class="soft about-node"><a href="../docs">API</a> · <a href="../metrics">{t("nav.metrics")}</a></p>
      </nav>
      <main id="main" tabIndex={-1} key={`${language.value}-${round.value}`}>
        {failure.value ? <Failure error={failure.value} again={() => { round.value += 1; }} /> : Current ? <Current given={given} key={name === "edit" ? given : name} /> : <p class="soft" role="status">{t("loading")}</p>}
      </main>
      <Help />
      <SignIn onDone={() => { round.value += 1; }} />
    </>
  );
}

function NotFound(): JSX.Element {
  return <Page title={t("nowhere.title")}><p>{t("nowhere")}</p><p><a href={href([])}>{t("nav.home")}</a></p></Page>;
}

listen();
const host = document.getElementById("app");
if (host) render(<App />, host);
