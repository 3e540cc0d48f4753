// The settings that hold for a subject, each with the place that it comes from.
import type { JSX } from "preact";
import { ScopeSettings } from "../parts/scope.tsx";
import type { About } from "./subject.tsx";

export function ConfigTab({ about }: { about: About }): JSX.Element {
  return <ScopeSettings scope={about.subject} onChange={about.again} />;
}
