// What a panel shows is loading, there, or failed; each panel loads and fails alone.
import { type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";

export type Loaded<T> = { state: "loading"; data?: T } | { state: "there"; data: T } | { state: "failed"; error: unknown; data?: T };

export interface Load<T> {
  current: Signal<Loaded<T>>;
  again: () => void;
}

/** Loads when `keys` change; an answer to an earlier question is dropped. */
export function useLoad<T>(ask: (signal: AbortSignal) => Promise<T>, keys: unknown[]): Load<T> {
  const current = useSignal<Loaded<T>>({ state: "loading" });
  const round = useSignal(0);
  const again = useCallback(() => { round.value += 1; }, []);
  useEffect(() => {
    const abort = new AbortController();
    const known = current.peek().data;
    // What was there stays on the screen while the same thing is loaded anew.
    current.value = round.peek() > 0 && known !== undefined ? { state: "loading", data: known } : { state: "loading" };
    ask(abort.signal).then(
      (data) => { if (!abort.signal.aborted) current.value = { state: "there", data }; },
      (error: unknown) => { if (!abort.signal.aborted) current.value = { state: "failed", error }; },
    );
    return () => abort.abort();
  }, [...keys, round.value]);
  return { current, again };
}

/** Runs a few at a time: a page must not flood its node. */
export async function few<T, R>(items: T[], most: number, run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await run(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work));
  return results;
}
