// What the API answers, as far as the pages read it. The whole of it stands in docs/openapi.json.

export const FORMATS = ["AVRO", "JSON", "PROTOBUF"] as const;
export const LEVELS = ["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE"] as const;
export const MODES = ["READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD"] as const;

export interface Reference { name: string; subject: string; version: number }
export interface Metadata { tags?: Record<string, { tags: string[] }>; properties?: Record<string, string>; sensitive?: string[] }
export interface Schema { format: string; text: string; references: Reference[]; metadata?: Metadata | null }
export interface Version {
  subject: string; version: number; id: number; guid: string; semanticVersion: string; state: string; revision: number;
  createdMs: number; schema?: Schema | null; sentText?: string; deprecation?: { sinceMs: number; sunsetMs: number; successor: number } | null; life: number;
}
export interface Report { base: number; compatible: boolean; breaking: boolean; messages: string[] }
export interface Draft {
  subject: string; id: number; state: string; author: string; schema?: Schema | null; guid: string; report?: Report | null;
  approvals: string[]; approvalsNeeded: number; version: number; createdMs: number; revision: number;
}
export interface Change { path: string; element: string; kind: string; old: string; new: string; breaksBackward: boolean; breaksForward: boolean; documentation: boolean }
export interface Diff { changes: Change[]; step: string }
export interface HistoryStep { index: number; from: string; to: string; action: string; actor: string; reason: string; timeMs: number; version: number }
export interface Consumer { subject: string; id: string; fromVersion: number; toVersion: number; owner: string; contact: string; revision: number }
export interface RollbackPlan {
  subject: string; target: number; versions: number[]; dependents: { subject: string; version: number; refersTo: number }[];
  consumers: Consumer[]; backwardCompatible: boolean; forwardCompatible: boolean; revision: number;
}
export interface Policy {
  review?: boolean | null; approvals?: number | null; approvalsBreaking?: number | null; deprecationNoticeMs?: number | null; requiredProperties?: string[];
  versionsMax?: number | null; eventCountMax?: number | null; eventAgeMsMax?: number | null; auditRetentionMs?: number | null;
}
export interface PolicyAnswer { own?: Policy | null; inForce: Policy; revision: number }
export interface Verdict { compatible: boolean; messages: string[] }
export interface Validation { valid: boolean; errors: { path: string; message: string }[]; errorCode: number; error: string }
export interface AuditRecord {
  position: number; index: number; timeMs: number; principal: string; nodeId: number; action: string; reason: string; resource: string;
  outcome: string; requestId: string; digestBefore: string; digestAfter: string;
  authentication?: string; address?: string; userAgent?: string; traceId?: string;
}
export interface Checkpoint { size: number; root: string; note: string; verifierKey: string }
export interface Proof { size: number; root: string; hashes: string[]; leaf: string }
export interface NodeStatus {
  node_id: number; region: string; role: string; term: number; leader_id?: number | null; last_log_index: number; committed_index: number;
  applied_index: number; snapshot_index: number; purged_index: number; version: string; http_url?: string; error?: string; level?: number; level_supported?: number;
}
export interface ClusterStatus {
  cluster_id: string; voters: number[]; learners: number[]; nodes: NodeStatus[]; level?: number;
  /** A change of the members that is under way, or broke off half-way. */
  change?: { voter_sets: number[][]; decided: boolean; operation?: string; resource?: string; principal?: string; since_ms?: number } | null;
}
export interface Backup { name: string; id: string; kind: string; index: number; time_ms: number; bytes: number; problem?: string | null }
export interface Backups { directory: string; backups: Backup[]; is_running: boolean; last_index?: number | null; last_time_ms?: number | null; last_failure?: string | null; every_seconds: number; keep: number }
/** The settings of a scope on the Confluent API. */
export interface Config {
  compatibilityLevel?: string; normalize?: boolean; alias?: string; validateFields?: boolean; validateRules?: boolean; compatibilityGroup?: string;
  compatibilityPolicy?: string; defaultMetadata?: object; overrideMetadata?: object; defaultRuleSet?: object; overrideRuleSet?: object;
}
export interface Rule { name?: string; doc?: string; kind?: string; mode?: string; type?: string; tags?: string[]; params?: Record<string, string>; expr?: string; onSuccess?: string; onFailure?: string; disabled?: boolean }
/** A version on the Confluent API, which has the rules. */
export interface SchemaBody {
  subject: string; version: number; id: number; guid?: string; schemaType?: string; schema: string; references?: Reference[];
  metadata?: { tags?: Record<string, string[]>; properties?: Record<string, string>; sensitive?: string[] };
  ruleSet?: { migrationRules?: Rule[]; domainRules?: Rule[]; encodingRules?: Rule[]; enableAt?: string };
  schemaTags?: { schemaEntity: { entityPath: string; entityType: string }; tags: string[] }[];
}
export interface CloudEvent { id: string; type: string; subject: string; time: string; data: Record<string, string | number> & { actor?: string; context?: string; version?: number } }

/** The context and the name in a qualified subject. */
export function partsOf(subject: string): { context: string; name: string } {
  const found = /^:(\.[^:]*):(.*)$/s.exec(subject);
  return found ? { context: found[1] ?? ".", name: found[2] ?? "" } : { context: ".", name: subject };
}
