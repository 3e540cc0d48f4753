// Schema text: to read, to write, and two texts side by side. The editor is loaded when it is first needed.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { Editor } from "../code/editor.ts";
import { t } from "../i18n.ts";
import { Highlighted } from "../schema/highlight.tsx";
import { Copy } from "./ui.tsx";

export function Code({ text, format, label }: { text: string; format: string; label: string }): JSX.Element {
  return (
    <div class="code">
      <div class="code-tools"><Copy text={text} label={`${t("copy")}: ${label}`} /></div>
      <pre tabIndex={0} role="region" aria-label={label}><code><Highlighted text={text} format={format} /></code></pre>
    </div>
  );
}

interface Marks { message: string; severity: "error" | "warning" | "info" }

export function CodeEditor({ text, format, label, onChange, onSubmit, marks, revision }: {
  text: string; format: string; label: string; onChange: (text: string) => void; onSubmit: () => void; marks: Marks[];
  /** The text is put into the editor again when this changes; typing does not change it. */
  revision: number;
}): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const ready = useSignal(false);
  const latest = useRef({ onChange, onSubmit });
  latest.current = { onChange, onSubmit };
  useEffect(() => {
    let gone = false;
    void import("../code/editor.ts").then(({ edit }) => {
      if (gone || !host.current) return;
      editor.current = edit(host.current, { text, format, label, onChange: (next) => latest.current.onChange(next), onSubmit: () => latest.current.onSubmit() });
      ready.value = true;
    });
    return () => { gone = true; editor.current?.destroy(); editor.current = null; };
  }, []);
  useEffect(() => { if (editor.current && editor.current.text() !== text) editor.current.setText(text); }, [revision]);
  useEffect(() => { editor.current?.setFormat(format); }, [format]);
  useEffect(() => { if (ready.value) editor.current?.mark(marks); }, [marks, ready.value]);
  return <div class="editor" ref={host} data-ready={ready.value ? "yes" : "no"} />;
}

export function TextDiff({ left, right, format, labels }: { left: string; right: string; format: string; labels: [string, string] }): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let view: { destroy: () => void } | null = null;
    let gone = false;
    void import("../code/compare.ts").then(({ compare }) => {
      if (!gone && host.current) view = compare(host.current, { left, right, format, labels });
    });
    return () => { gone = true; view?.destroy(); };
  }, [left, right, format]);
  return <div class="editor merge" ref={host} />;
}
