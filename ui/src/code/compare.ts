// Two texts side by side.
import { MergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { basics, languageOf } from "./base.ts";

export function compare(host: HTMLElement, options: { left: string; right: string; format: string; labels: [string, string] }): { destroy: () => void } {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.replaceChildren();
  const side = (doc: string, label: string): { doc: string; extensions: Extension[] } => ({
    doc,
    extensions: [...basics(label), languageOf(options.format), EditorState.readOnly.of(true)],
  });
  const view = new MergeView({
    root,
    parent: root as unknown as Element,
    a: side(options.left, options.labels[0]),
    b: side(options.right, options.labels[1]),
    collapseUnchanged: { margin: 3, minSize: 6 },
    gutter: true,
  });
  return { destroy: () => view.destroy() };
}
