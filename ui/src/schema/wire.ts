// Confluent's wire format, as far as the eye needs it: a zero byte, the schema id in four bytes, the rest.

export interface Frame {
  id?: number;
  guid?: string;
  /** Bytes behind the frame. */
  rest: number;
}

/** Bytes from hexadecimal digits (with blanks, colons or 0x) or base64; null if it is neither. */
export function bytesIn(text: string): Uint8Array | null {
  const hex = text.replace(/0x|\\x|[\s:,]/gi, "");
  if (hex !== "" && hex.length % 2 === 0 && /^[0-9a-f]+$/i.test(hex)) return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const base64 = text.replace(/\s/g, "").replaceAll("-", "+").replaceAll("_", "/");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

export function frameOf(bytes: Uint8Array): Frame | null {
  if (bytes[0] === 0 && bytes.length >= 5) return { id: new DataView(bytes.buffer, bytes.byteOffset).getUint32(1), rest: bytes.length - 5 };
  if (bytes[0] === 1 && bytes.length >= 17) return { guid: Array.from(bytes.slice(1, 17), (byte) => byte.toString(16).padStart(2, "0")).join(""), rest: bytes.length - 17 };
  return null;
}
