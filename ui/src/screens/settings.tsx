// What one chooses for this browser.
import type { JSX } from "preact";
import { LANGUAGES, t } from "../i18n.ts";
import { Page, Select } from "../parts/ui.tsx";
import { choose, settings } from "../settings.ts";
import { KeyTable } from "../parts/help.tsx";

export function SettingsScreen(): JSX.Element {
  const { theme, density, language, keys, pinned } = settings.value;
  return (
    <Page title={t("settings.title")} lead={<p class="soft">{t("settings.lead")}</p>}>
      <div class="filters">
        <Select label={t("settings.theme")} value={theme} options={[["system", t("settings.system")], ["light", t("settings.light")], ["dark", t("settings.dark")]]} onPick={(value) => choose({ theme: value as typeof theme })} />
        <Select label={t("settings.language")} value={language} options={[["", t("settings.system")], ...Object.entries(LANGUAGES)]} onPick={(value) => choose({ language: value as typeof language })} />
        <Select label={t("settings.density")} value={density} options={[["comfortable", t("settings.comfortable")], ["compact", t("settings.compact")]]} onPick={(value) => choose({ density: value as typeof density })} />
      </div>
      <label class="check"><input type="checkbox" checked={keys} onChange={(event) => choose({ keys: event.currentTarget.checked })} /> {t("settings.keys")}</label>
      <KeyTable />
      {Object.keys(pinned).length > 0 && (
        <section><h2>{t("settings.pinned")}</h2><p class="soft">{t("settings.pinned-about")}</p>
          <ul class="plain">{Object.entries(pinned).map(([name, key]) => <li key={name}><code>{key}</code></li>)}</ul>
          <button type="button" onClick={() => choose({ pinned: {}, heads: {} })}>{t("settings.forget")}</button>
        </section>
      )}
    </Page>
  );
}
