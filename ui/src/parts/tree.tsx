// The fields of a schema, opened as far as one likes; only the rows in sight are in the page.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { t } from "../i18n.ts";
import { type Node, countOf, treeOf } from "../schema/tree.ts";
import { Empty } from "./ui.tsx";
import { WindowList } from "./window-list.tsx";

interface Row { node: Node; path: string; depth: number }

/** Trees up to this size are open at first. */
const OPEN_MAX = 300;

export function SchemaTree({ text, format }: { text: string; format: string }): JSX.Element {
  const roots = useMemo(() => treeOf(text, format), [text, format]);
  const openAtFirst = useMemo(() => countOf(roots) <= OPEN_MAX, [roots]);
  // What was turned from how it was at first.
  const turned = useSignal<ReadonlySet<string>>(new Set());
  const isOpen = (row: Row): boolean => (openAtFirst || row.depth === 0) !== turned.value.has(row.path);
  const rows: Row[] = [];
  const walk = (nodes: Node[], above: string, depth: number): void => nodes.forEach((node, at) => {
    const row = { node, depth, path: `${above}/${at}:${node.name}` };
    rows.push(row);
    if (node.children.length > 0 && isOpen(row)) walk(node.children, row.path, depth + 1);
  });
  walk(roots, "", 0);
  if (roots.length === 0) return <Empty>{t("tree.none")}</Empty>;
  const turn = (path: string): void => {
    const next = new Set(turned.value);
    if (!next.delete(path)) next.add(path);
    turned.value = next;
  };
  return (
    <WindowList
      label={t("tree.label")}
      rows={18}
      items={rows}
      keyOf={(row) => row.path}
      columns={[
        {
          id: "name", name: t("tree.field"), width: "minmax(12rem, 2fr)", cell: (row) => (
            <span class="tree-name" style={{ paddingInlineStart: `${row.depth * 1.1}rem` }}>
              {row.node.children.length > 0
                ? <button type="button" class="small plain" aria-expanded={isOpen(row)} aria-label={`${row.node.name}: ${isOpen(row) ? t("tree.close") : t("tree.open")}`} onClick={() => turn(row.path)}>{isOpen(row) ? "▾" : "▸"}</button>
                : <span class="tree-leaf" />}
              <code>{row.node.name}</code>
            </span>
          ),
        },
        { id: "type", name: t("tree.type"), width: "minmax(8rem, 2fr)", cell: (row) => <code class="soft" title={row.node.type}>{row.node.type}</code> },
        { id: "note", name: t("tree.note"), width: "minmax(5rem, 1fr)", cell: (row) => <code title={row.node.note}>{row.node.note}</code> },
        { id: "doc", name: t("tree.doc"), width: "minmax(8rem, 3fr)", cell: (row) => <span title={row.node.doc}>{row.node.doc}</span> },
      ]}
    />
  );
}
