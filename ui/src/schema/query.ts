// The words of a search as criteria of the registry's index: `field:amount owner:sales orders`.

export const OPERATORS = ["field", "type", "tag", "owner", "property", "format", "state", "context", "path", "prefix"] as const;

export type Criteria = Record<string, string | undefined>;

/** What an operator does not take is text: words of documentation and names, all of which must occur. */
export function parseSearch(words: string): Criteria {
  const criteria: Criteria = {};
  const text: string[] = [];
  for (const [, operator, quoted, plain] of words.matchAll(/(?:(\w+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = quoted ?? plain ?? "";
    const known = OPERATORS.find((name) => name === operator?.toLowerCase());
    if (known === undefined) text.push(operator === undefined ? value : `${operator}:${value}`);
    else criteria[known] = known === "format" || known === "state" ? value.toUpperCase() : value;
  }
  if (text.length > 0) criteria["text"] = text.join(" ");
  return criteria;
}

/** A number alone may be an id, a long hexadecimal word a guid. */
export function addressIn(words: string): { id?: number; guid?: string } {
  const word = words.trim();
  if (/^(id:)?\d{1,10}$/i.test(word)) return { id: Number(word.replace(/^id:/i, "")) };
  if (/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(word)) return { guid: word };
  return {};
}
