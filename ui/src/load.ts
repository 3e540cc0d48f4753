// What a panel shows is loading, there, or failed; each panel loads and fails alone.
import { type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";

export type Loaded<T> = { state: "loading"; data?: T } | { state: "there"; data: T } | { state: "failed"; error: unknown; data?: T };

export interface Load<T> {
  current: Signal<Loaded<T>>;
  again: () => void;
  /** Loads again unless that is under way: for what repeats, which must not cut itself off. */
  poll: () => void;
}

/** Loads when `keys` change; an answer to an earlier question is dropped. */
export function useLoad<T>(ask: (signal: AbortSignal) => Promise<T>, keys: unknown[]): Load<T> {
  const current = useSignal<Loaded<T>>({ state: "loading" });
  const round = useSignal(0);
  const again = useCallback(() => { round.value += 1; }, []);
  const poll = useCallback(() => { if (current.peek().state !== "loading") round.value += 1; }, []);
  const about = useRef<unknown[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    const known = current.peek().data;
    // What was there stays on the screen while the same thing is loaded anew.
    const isSame = about.current.length === keys.length && keys.every((key, at) => key === about.current[at]);
    about.current = keys;
    current.value = isSame && known !== undefined ? { state: "loading", data: known } : { state: "loading" };
    ask(abort.signal).then(
      (data) => { if (!abort.signal.aborted) current.value = { state: "there", data }; },
      (error: unknown) => { if (!abort.signal.aborted) current.value = { state: "failed", error }; },
    );
    return () => abort.abort();
  }, [...keys, round.value]);
  return { current, again, poll };
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
