// The editor.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { indentOnInput } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap } from "@codemirror/view";
import { basics, languageOf } from "./base.ts";

/** Who types over a selection types it here: the browser would carry the colours along as a style attribute, which the content
 *  security policy forbids and reports. */
const replacing = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    if (event.inputType !== "insertText" || event.isComposing || event.data === null || view.state.selection.main.empty) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

export interface Editor {
  text: () => string;
  setText: (text: string) => void;
  setFormat: (format: string) => void;
  /** Marks the place that a message names, if it names one: `line 3, column 7`. */
  mark: (messages: { message: string; severity: "error" | "warning" | "info" }[]) => void;
  focus: () => void;
  destroy: () => void;
}

export function edit(host: HTMLElement, options: { text: string; format: string; label: string; onChange: (text: string) => void; onSubmit: () => void }): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const format = new Compartment();
  const view = new EditorView({
    root,
    parent: root as unknown as Element,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        // Before the others, so that Ctrl-Enter is not a blank line. Tab is left alone: it leaves the editor.
        keymap.of([{ key: "Mod-Enter", run: () => { options.onSubmit(); return true; } }]),
        ...basics(options.label),
        format.of(languageOf(options.format)),
        history(), indentOnInput(), highlightActiveLine(), highlightSelectionMatches(), lintGutter(), keymap.of([...searchKeymap, ...defaultKeymap, ...historyKeymap]),
        replacing,
        EditorView.updateListener.of((update) => { if (update.docChanged) options.onChange(update.state.doc.toString()); }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    setText: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    setFormat: (name) => view.dispatch({ effects: format.reconfigure(languageOf(name)) }),
    mark: (messages) => view.dispatch(setDiagnostics(view.state, messages.map(({ message, severity }): Diagnostic => ({ ...rangeOf(view, message), severity, message })))),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function rangeOf(view: EditorView, message: string): { from: number; to: number } {
  const found = /line (\d+)(?:,? ?column (\d+))?/i.exec(message);
  const number = Number(found?.[1] ?? 1);
  if (number < 1 || number > view.state.doc.lines) return { from: 0, to: 0 };
  const line = view.state.doc.line(number);
  const from = Math.min(line.from + Math.max(0, Number(found?.[2] ?? 1) - 1), line.to);
  return { from, to: line.to };
}
