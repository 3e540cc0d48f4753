// What a check of compatibility says, for a person: the registry's messages are Confluent's, made to be read by tools.

export interface Finding {
  /** A word of the format's catalogue; empty where a message has none. */
  kind: string;
  text: string;
}

/** Each difference that breaks. What only repeats the older schema and the settings is left away; the version is kept apart. */
export function findingsIn(messages: string[]): { findings: Finding[]; against: number } {
  const findings: Finding[] = [];
  let against = 0;
  for (const message of messages) {
    const version = /^\{oldSchemaVersion: (\d+)\}$/.exec(message);
    if (version) against = Number(version[1]);
    else if (!/^\{(oldSchema|validateFields|compatibility): /.test(message)) {
      const [, kind = "", text = message] = /^\{errorType:\s*["']([^"']*)["'], description:\s*["'](.*?)["'](?:, additionalInfo:.*)?\}$/s.exec(message) ?? [];
      findings.push({ kind, text });
    }
  }
  return { findings, against };
}
