// What every screen is made of.
import { useSignal } from "@preact/signals";
import { type ComponentChildren, type JSX, type VNode, cloneElement } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { ApiError, type Call, curl } from "../api.ts";
import { type Key, t } from "../i18n.ts";
import type { Load } from "../load.ts";

export function Page({ title, actions, children, lead }: { title: string; actions?: ComponentChildren; lead?: ComponentChildren; children: ComponentChildren }): JSX.Element {
  useEffect(() => { document.title = `${title} · ${t("app.name")}`; }, [title]);
  return (
    <>
      <header class="page-head">
        <div>
          <h1 tabIndex={-1}>{title}</h1>
          {lead}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** What a load has come to: the thing itself, that it is on its way, or why it is not there. */
export function Show<T>({ load, children, quiet }: { load: Load<T>; quiet?: boolean; children: (data: T) => ComponentChildren }): JSX.Element {
  const now = load.current.value;
  if (now.state === "failed") return <Failure error={now.error} again={load.again} />;
  if (now.data === undefined) return quiet ? <></> : <p class="soft" role="status">{t("loading")}</p>;
  return <>{children(now.data)}</>;
}

export function Failure({ error, again }: { error: unknown; again?: (() => void) | undefined }): JSX.Element {
  const known = error instanceof ApiError ? error : null;
  return (
    <div class="failure" role="alert">
      <p><strong>{known?.status === 0 ? t("error.unreachable") : known ? t("error.refused") : t("error.unexpected")}</strong></p>
      <p class="message">{error instanceof Error ? error.message : String(error)}</p>
      {known && known.status !== 0 && (
        <dl class="inline">
          <dt>{t("error.code")}</dt><dd><code>{known.code}</code></dd>
          {known.requestId && <><dt>{t("error.request")}</dt><dd><code>{known.requestId}</code> <Copy text={known.requestId} /></dd></>}
        </dl>
      )}
      {known && <p class="soft">{advice(known)}</p>}
      {again && <button type="button" onClick={again}>{t("again")}</button>}
    </div>
  );
}

function advice(error: ApiError): string {
  if (error.status === 0 || error.status >= 500) return t("advice.again");
  const known: Record<number, Key> = {
    401: "advice.401", 403: "advice.403", 404: "advice.404", 409: "advice.409", 412: "advice.412", 422: "advice.422", 429: "advice.again",
    40351: "advice.40351", 40951: "advice.412", 40952: "advice.40952", 40953: "advice.40953", 41251: "advice.412", 42205: "advice.42205", 42206: "advice.42206", 42251: "advice.42251", 42252: "advice.42252", 42253: "advice.42253",
  };
  const key = known[error.code] ?? known[error.status];
  return key ? t(key) : "";
}

export function Copy({ text, label }: { text: string; label?: string }): JSX.Element {
  const done = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure context there is no clipboard but the old one.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    done.value = true;
    setTimeout(() => { done.value = false; }, 1500);
  };
  return <button type="button" class="small" onClick={copy} aria-label={label ?? `${t("copy")}: ${text.slice(0, 60)}`}>{done.value ? t("copied") : t("copy")}</button>;
}

/** The same action for a terminal. */
export function Twin({ call, ctl }: { call?: Call | undefined; ctl?: string | undefined }): JSX.Element {
  const lines = [...(call ? [curl(call)] : []), ...(ctl ? [ctl] : [])];
  return (
    <details class="twin">
      <summary>{t("twin")}</summary>
      {lines.map((line) => <div class="twin-line" key={line}><pre tabIndex={0}><code>{line}</code></pre><Copy text={line} /></div>)}
    </details>
  );
}

type Tone = "good" | "warn" | "bad" | "soft";
const TONES: Record<string, Tone> = {
  ACTIVE: "good", APPROVED: "good", DEPRECATED: "warn", PENDING_REVIEW: "warn", CHANGES_REQUESTED: "warn", ROLLED_BACK: "warn",
  QUARANTINED: "bad", REJECTED: "bad", ARCHIVED: "soft", DELETED: "soft", DRAFT: "soft",
  leader: "good", follower: "soft", learner: "soft", candidate: "warn", unreachable: "bad", down: "bad", NONE: "soft", PATCH: "good", MINOR: "good", MAJOR: "bad",
};
const SIGNS: Record<Tone, string> = { good: "✓", warn: "!", bad: "✗", soft: "·" };

/** A word with a colour, and a sign for those who do not see the colour. */
export function Badge({ word, tone, label }: { word: string; tone?: Tone; label?: string }): JSX.Element {
  const kind = tone ?? TONES[word] ?? "soft";
  const key = `state.${word}` as Key;
  const shown = label ?? (t(key) || word);
  return <span class={`badge ${kind}`}><span aria-hidden="true">{SIGNS[kind]}</span> {shown}</span>;
}

export function Tabs({ label, tabs, current }: { label: string; tabs: { id: string; name: string; to: string }[]; current: string }): JSX.Element {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ id, name, to }) => <a key={id} href={to} aria-current={id === current ? "page" : undefined}>{name}</a>)}
    </nav>
  );
}

/** A control with its name in front and a hint behind; the hint describes the control and is no part of its name. */
export function Field({ label, hint, children }: { label: string; hint?: string; children: VNode<JSX.IntrinsicElements["input"]> }): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {cloneElement(children, { id, ...(hint ? { "aria-describedby": `${id}-hint` } : {}) })}
      {hint && <small class="soft" id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

export function Select({ label, value, options, onPick, hint }: { label: string; value: string; options: readonly (string | [string, string])[]; onPick: (value: string) => void; hint?: string }): JSX.Element {
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        {options.map((option) => {
          const [own, name] = typeof option === "string" ? [option, option] : option;
          return <option key={own} value={own}>{name}</option>;
        })}
      </select>
    </Field>
  );
}

export interface Action {
  busy: boolean;
  error: unknown;
  start: () => Promise<void>;
  clear: () => void;
}

/** Something that is done once it is wanted: busy, then done or failed. */
export function useAction(run: () => Promise<unknown>): Action {
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const start = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    error.value = null;
    try {
      await run();
    } catch (failure) {
      error.value = failure;
    } finally {
      busy.value = false;
    }
  };
  return { busy: busy.value, error: error.value, start, clear: () => { error.value = null; } };
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface Asked {
  title: string;
  /** What will be different afterwards. */
  effect: ComponentChildren;
  /** Must be typed before it goes on, for what cannot be taken back. */
  name?: string | undefined;
  /** Asks for the reason, which stands in the history and in the audit log. */
  reason?: "wanted" | "needed" | undefined;
  verb: string;
  call: (reason: string) => Call;
  ctl?: ((reason: string) => string) | undefined;
  run: (call: Call) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

/** Shows what an action will do, and asks once more. */
export function Confirm({ title, effect, name, reason, verb, call, ctl, run, onDone, onClose }: Asked): JSX.Element {
  const typed = useSignal("");
  const why = useSignal("");
  const action = useAction(async () => {
    await run(call(why.value.trim()));
    onClose();
    onDone();
  });
  const ready = (!name || typed.value === name) && (reason !== "needed" || why.value.trim() !== "");
  return (
    <Dialog title={title} onClose={onClose}>
      <form method="dialog" onSubmit={(event) => { event.preventDefault(); if (ready) void action.start(); }}>
        <div class="effect">{effect}</div>
        {reason && (
          <Field label={reason === "needed" ? t("reason.needed") : t("reason")}>
            <input value={why.value} maxLength={500} required={reason === "needed"} onInput={(event) => { why.value = event.currentTarget.value; }} />
          </Field>
        )}
        {name && (
          <Field label={t("confirm.type", { name })}>
            <input value={typed.value} autocomplete="off" spellcheck={false} onInput={(event) => { typed.value = event.currentTarget.value; }} />
          </Field>
        )}
        {action.error ? <Failure error={action.error} /> : null}
        <Twin call={call(why.value.trim())} ctl={ctl?.(why.value.trim())} />
        <div class="actions end">
          <button type="button" onClick={onClose}>{t("cancel")}</button>
          <button type="submit" class={name ? "danger" : "main"} disabled={!ready || action.busy}>{verb}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty soft">{children}</p>;
}
