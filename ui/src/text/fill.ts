// Puts values into a message.

export type Values = Record<string, string | number>;

/** `{name}` is replaced by a value, `{n|# thing|# things}` by the form for that number, `#` being the number. */
export function fill(text: string, values: Values, locale: string): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one?: string, other?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (one === undefined || other === undefined) return typeof value === "number" ? value.toLocaleString(locale) : value;
    const form = new Intl.PluralRules(locale).select(Number(value)) === "one" ? one : other;
    return form.replace("#", Number(value).toLocaleString(locale));
  });
}
