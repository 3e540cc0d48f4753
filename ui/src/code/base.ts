// How the editor and the comparison of texts look. Both live in a shadow root: their style sheets are constructed there, which
// needs no exception from the content security policy.
import { json } from "@codemirror/lang-json";
import { HighlightStyle, StreamLanguage, bracketMatching, foldGutter, foldKeymap, syntaxHighlighting } from "@codemirror/language";
import { protobuf } from "@codemirror/legacy-modes/mode/protobuf";
import type { Extension } from "@codemirror/state";
import { EditorView, drawSelection, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--code-name)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-text)" },
  { tag: [tags.keyword, tags.bool, tags.null, tags.typeName, tags.atom], color: "var(--code-word)" },
  { tag: [tags.number], color: "var(--code-number)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-doc)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, monospace", lineHeight: "1.5" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--soft)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection) !important" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", color: "var(--text)", border: "1px solid var(--line)" },
  "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": { backgroundColor: "var(--removed) !important" },
  "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--added) !important" },
  "&.cm-merge-a .cm-changedText, &.cm-merge-b .cm-changedText": { background: "none", textDecoration: "underline", textDecorationThickness: "2px" },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"⋯" !important' },
  ".cm-collapsedLines": { background: "var(--sunken)", color: "var(--text)" },
});

export const languageOf = (format: string): Extension => (format === "PROTOBUF" ? StreamLanguage.define(protobuf) : json());
export const basics = (label: string): Extension[] => [
  lineNumbers(), foldGutter(), drawSelection(), bracketMatching(), syntaxHighlighting(colours), look,
  EditorView.lineWrapping, EditorView.contentAttributes.of({ "aria-label": label }), keymap.of(foldKeymap),
];
