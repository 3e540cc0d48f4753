// Who is asking: a token or a name with a password, kept in memory until the page is loaded anew.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { credentials, signInWanted } from "../api.ts";
import { t } from "../i18n.ts";
import { Dialog, Field } from "./ui.tsx";

export function SignIn({ onDone }: { onDone: () => void }): JSX.Element | null {
  const kind = useSignal<"token" | "basic">("token");
  const name = useSignal("");
  const secret = useSignal("");
  if (!signInWanted.value) return null;
  const enter = (event: Event): void => {
    event.preventDefault();
    const basic = (): string => btoa(String.fromCharCode(...new TextEncoder().encode(`${name.value}:${secret.value}`)));
    credentials.value = kind.value === "token" ? `Bearer ${secret.value}` : `Basic ${basic()}`;
    secret.value = "";
    signInWanted.value = false;
    onDone();
  };
  return (
    <Dialog title={t("sign-in.title")} onClose={() => { signInWanted.value = false; }}>
      <form onSubmit={enter}>
        <p>{t("sign-in.about")}</p>
        <fieldset><legend>{t("sign-in.kind")}</legend>
          <label class="check"><input type="radio" name="kind" checked={kind.value === "token"} onChange={() => { kind.value = "token"; }} /> {t("sign-in.token")}</label>
          <label class="check"><input type="radio" name="kind" checked={kind.value === "basic"} onChange={() => { kind.value = "basic"; }} /> {t("sign-in.basic")}</label>
        </fieldset>
        {kind.value === "basic" && <Field label={t("sign-in.name")}><input autocomplete="username" value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} /></Field>}
        <Field label={kind.value === "token" ? t("sign-in.token") : t("sign-in.password")}><input type="password" autocomplete="current-password" value={secret.value} onInput={(event) => { secret.value = event.currentTarget.value; }} /></Field>
        <div class="actions end"><button type="button" onClick={() => { signInWanted.value = false; }}>{t("cancel")}</button><button type="submit" class="main" disabled={secret.value === ""}>{t("sign-in.go")}</button></div>
      </form>
    </Dialog>
  );
}
