// A table of any length of which only the rows in sight are in the page.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { settings } from "../settings.ts";

export interface Column<T> {
  id: string;
  name: string;
  /** A track of CSS grid. */
  width: string;
  cell: (item: T) => ComponentChildren;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  items: T[];
  keyOf: (item: T) => string;
  /** The most rows that are in sight at once. */
  rows?: number;
}

const SPARE = 8;
const px = (length: number): string => `${length}px`;

export function WindowList<T>({ label, columns, items, keyOf, rows = 16 }: Props<T>): JSX.Element {
  const height = settings.value.density === "compact" ? 30 : 38;
  const top = useSignal(0);
  const box = useRef<HTMLDivElement>(null);
  const first = Math.max(0, Math.floor(top.value / height) - SPARE);
  const last = Math.min(items.length, Math.ceil(top.value / height) + rows + SPARE);
  const tracks = { gridTemplateColumns: columns.map((column) => column.width).join(" ") };
  useEffect(() => {
    // A shorter list must not leave the view behind its end.
    if (box.current && box.current.scrollTop > items.length * height) box.current.scrollTop = 0;
  }, [items.length, height]);
  return (
    <div class="list" role="table" aria-label={label} aria-rowcount={items.length + 1}>
      <div role="rowgroup" class="list-head">
        <div role="row" class="list-row" style={tracks} aria-rowindex={1}>
          {columns.map((column) => <div role="columnheader" key={column.id}>{column.name}</div>)}
        </div>
      </div>
      <div class="list-body" role="rowgroup" tabIndex={0} aria-label={label} ref={box} style={{ maxHeight: px(rows * height) }} onScroll={(event) => { top.value = event.currentTarget.scrollTop; }}>
        <div role="presentation" style={{ height: px(first * height) }} />
        {items.slice(first, last).map((item, at) => (
          <div role="row" class="list-row" key={keyOf(item)} style={{ ...tracks, height: px(height) }} aria-rowindex={first + at + 2}>
            {columns.map((column) => <div role="cell" key={column.id}>{column.cell(item)}</div>)}
          </div>
        ))}
        <div role="presentation" style={{ height: px(Math.max(0, items.length - last) * height) }} />
      </div>
    </div>
  );
}
