// What the unit tests look at.
export { sha256 } from "../src/proof/sha256.ts";
export { isGrown, rootFrom } from "../src/proof/merkle.ts";
export { bytesIn, frameOf } from "../src/schema/wire.ts";
export { addressIn, parseSearch } from "../src/schema/query.ts";
export { findingsIn } from "../src/schema/findings.ts";
export { treeOf } from "../src/schema/tree.ts";
export { fill } from "../src/text/fill.ts";
export { parseServerSent } from "../src/server-sent.ts";
export { en } from "../src/text/en.ts";
export { de } from "../src/text/de.ts";
