// Proofs of the audit log, checked here: written from docs/audit.md and RFC 6962, not from the server's code.
import type { AuditRecord, Checkpoint, Proof } from "../types.ts";
import { sha256 } from "./sha256.ts";

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
export const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

function joined(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

const same = (left: Uint8Array, right: Uint8Array): boolean => left.length === right.length && left.every((byte, at) => byte === right[at]);

/** The hash of a record's leaf. */
export function leafOf(record: AuditRecord): Uint8Array {
  const number = (value: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
    return bytes;
  };
  const text = (value: string): Uint8Array => {
    const bytes = new TextEncoder().encode(value);
    return joined(number(bytes.length), bytes);
  };
  const digest = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  // What came later is there only where it is set, each with its number before it.
  const later = [record.authentication, record.address, record.userAgent, record.traceId]
    .flatMap((value, at) => (value ? [number(at + 1), text(value)] : []));
  return sha256(joined(
    Uint8Array.of(0), number(record.index), number(record.timeMs), text(record.principal), number(record.nodeId), text(record.action), text(record.reason),
    text(record.resource), text(record.outcome), text(record.requestId), digest(record.digestBefore), digest(record.digestAfter),
    ...later,
  ));
}

const parent = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(joined(Uint8Array.of(1), left, right));

/** The root that a leaf and its path lead to (RFC 9162, 2.1.3.2), or null if the path has another length than it must have. */
export function rootFrom(leaf: Uint8Array, position: number, size: number, path: Uint8Array[]): Uint8Array | null {
  if (position >= size) return null;
  let at = BigInt(position);
  let last = BigInt(size - 1);
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0n) return null;
    if ((at & 1n) === 1n || at === last) {
      hash = parent(sibling, hash);
      while ((at & 1n) === 0n && at !== 0n) { at >>= 1n; last >>= 1n; }
    } else {
      hash = parent(hash, sibling);
    }
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? hash : null;
}

/** Does the tree of `size` begin with the one of `old`? (RFC 9162, 2.1.4.2) */
export function isGrown(old: number, oldRoot: Uint8Array, size: number, root: Uint8Array, path: Uint8Array[]): boolean {
  if (old === size) return path.length === 0 && same(oldRoot, root);
  if (old === 0) return true;
  const isPower = (old & (old - 1)) === 0;
  const steps = isPower ? [oldRoot, ...path] : path;
  let at = BigInt(old - 1);
  let last = BigInt(size - 1);
  while ((at & 1n) === 1n) { at >>= 1n; last >>= 1n; }
  const [first, ...rest] = steps;
  if (!first) return false;
  let was = first;
  let is = first;
  for (const step of rest) {
    if (last === 0n) return false;
    if ((at & 1n) === 1n || at === last) {
      was = parent(step, was);
      is = parent(step, is);
      while ((at & 1n) === 0n && at !== 0n) { at >>= 1n; last >>= 1n; }
    } else {
      is = parent(is, step);
    }
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n && same(was, oldRoot) && same(is, root);
}

export interface Inclusion { leaf: boolean; root: boolean; head: boolean }

/** Is the record, as it is shown, the leaf that the proof speaks of; does the path lead to the root; is that the signed one? */
export function checkInclusion(record: AuditRecord, proof: Proof, checkpoint: Checkpoint): Inclusion {
  const leaf = leafOf(record);
  const root = rootFrom(leaf, record.position, proof.size, proof.hashes.map(fromBase64));
  const head = noteOf(checkpoint.note);
  return {
    leaf: same(leaf, fromBase64(proof.leaf)),
    root: root !== null && same(root, fromBase64(proof.root)),
    head: head !== null && head.size === proof.size && root !== null && same(root, head.root),
  };
}

export interface Note { origin: string; size: number; root: Uint8Array; text: string; signatures: { name: string; keyId: Uint8Array; signature: Uint8Array }[] }

/** A signed note (C2SP): a text, a blank line, signatures. */
export function noteOf(note: string): Note | null {
  const split = note.indexOf("\n\n");
  if (split < 0) return null;
  const text = note.slice(0, split + 1);
  const [origin = "", size = "", root = ""] = text.split("\n");
  const signatures = [...note.slice(split + 2).matchAll(/^— (\S+) (\S+)$/gm)].map(([, name = "", encoded = ""]) => {
    const bytes = fromBase64(encoded);
    return { name, keyId: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
  return { origin, size: Number(size), root: fromBase64(root), text, signatures };
}

/** Whether a key signed a note; `unknown` where this browser cannot tell (no secure context, or no Ed25519). */
export async function isSigned(note: Note, verifierKey: string): Promise<"yes" | "no" | "unknown"> {
  const [name = "", , encoded = ""] = /^([^+]+)\+([0-9a-f]+)\+(.+)$/.exec(verifierKey.trim())?.slice(1) ?? [];
  const signed = note.signatures.find((signature) => signature.name === name);
  if (!signed) return "no";
  const key = fromBase64(encoded);
  if (key[0] !== 1 || key.length !== 33) return "unknown";
  if (!globalThis.crypto?.subtle) return "unknown";
  try {
    const imported = await crypto.subtle.importKey("raw", key.slice(1), "Ed25519", false, ["verify"]);
    const text = new TextEncoder().encode(note.text);
    return (await crypto.subtle.verify("Ed25519", imported, signed.signature as BufferSource, text)) ? "yes" : "no";
  } catch {
    return "unknown";
  }
}
