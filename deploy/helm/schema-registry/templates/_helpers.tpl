{{- define "schema-registry.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "schema-registry.labels" -}}
app.kubernetes.io/name: schema-registry
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* All nodes of the release. */ -}}
{{- define "schema-registry.selector" -}}
app.kubernetes.io/name: schema-registry
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: schema-registry
{{- end -}}

{{- /* One kind of them: voter or reader. */ -}}
{{- define "schema-registry.kind" -}}
app.kubernetes.io/name: schema-registry
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .kind }}
{{- end -}}

{{- define "schema-registry.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Voters are pods of NAME, readers of NAME-read. */ -}}
{{- define "schema-registry.set" -}}
{{ include "schema-registry.name" .root }}{{ if eq .kind "reader" }}-read{{ end }}
{{- end -}}

{{- /* The stable name of a pod: a member is known by it, never by an address that changes. */ -}}
{{- define "schema-registry.host" -}}
{{ include "schema-registry.set" . }}-{{ .ordinal }}.{{ include "schema-registry.name" .root }}-peers.{{ .root.Release.Namespace }}.svc
{{- end -}}

{{- /* The voters of all releases as one JSON object {id: member}, the same in every release. It refuses what cannot work. */ -}}
{{- define "schema-registry.members" -}}
{{- $root := . -}}
{{- $values := .Values -}}
{{- $members := dict -}}
{{- if and $values.addresses (ne (len $values.addresses) (int $values.replicas)) -}}
{{- fail (printf "addresses has %d entries: it must name every one of the %d pods" (len $values.addresses) (int $values.replicas)) -}}
{{- end -}}
{{- range $ordinal := until (int $values.replicas) -}}
{{- $host := include "schema-registry.host" (dict "root" $root "kind" "voter" "ordinal" $ordinal) -}}
{{- $address := dict "peerAddress" (printf "%s:18281" $host) "httpUrl" (printf "http://%s:18081" $host) -}}
{{- if $values.addresses -}}{{- $address = index $values.addresses $ordinal -}}{{- end -}}
{{- $id := int (add $values.firstNodeId $ordinal) -}}
{{- $member := dict "id" $id "peerAddress" $address.peerAddress "httpUrl" $address.httpUrl "region" $values.region "priority" (int $values.priority) -}}
{{- $_ := set $members (printf "%020d" $id) $member -}}
{{- end -}}
{{- range $values.externalMembers -}}
{{- $key := printf "%020d" (int .id) -}}
{{- if hasKey $members $key -}}{{- fail (printf "externalMembers: node id %d is one of this release's, or there twice" (int .id)) -}}{{- end -}}
{{- $_ := set $members $key (dict "id" (int .id) "peerAddress" .peerAddress "httpUrl" .httpUrl "region" .region "priority" (int (.priority | default 0))) -}}
{{- end -}}
{{- if eq (mod (len $members) 2) 0 -}}
{{- fail (printf "replicas and externalMembers are %d voters: an even number survives no more losses than the odd one below it" (len $members)) -}}
{{- end -}}
{{- range $ordinal := until (int $values.readReplicas.count) -}}
{{- $id := int (add $values.readReplicas.firstNodeId $ordinal) -}}
{{- if hasKey $members (printf "%020d" $id) -}}{{- fail (printf "readReplicas.firstNodeId: node id %d is a voter's" $id) -}}{{- end -}}
{{- end -}}
{{- toJson $members -}}
{{- end -}}

{{- /* The configuration file of one node. Every key is one of cluster.toml.example. */ -}}
{{- define "schema-registry.configuration" -}}
{{- $values := .root.Values -}}
{{- $members := include "schema-registry.members" .root | fromJson -}}
[node]
id = {{ .id }}
region = {{ $values.region | toJson }}
data_dir = "/var/lib/schema-registry/data"
[cluster]
id = {{ $values.cluster.id | toJson }}
profile = {{ $values.cluster.profile | toJson }}
{{- range $key := keys $members | sortAlpha }}
{{- $member := get $members $key }}
[[cluster.members]]
id = {{ int $member.id }}
peer_address = {{ $member.peerAddress | toJson }}
http_url = {{ $member.httpUrl | toJson }}
region = {{ $member.region | toJson }}
priority = {{ int $member.priority }}
{{- end }}
[http]
listen = "0.0.0.0:18081"
drain_ms = {{ mul 1000 (int $values.drainSeconds) }}
[peer]
listen = "0.0.0.0:18281"
{{- if $values.grpc.enabled }}
[grpc]
listen = "0.0.0.0:18181"
{{- end }}
[backup]
directory = "{{ if $values.backup.existingClaim }}/var/backups/schema-registry{{ else }}/var/lib/schema-registry/backups{{ end }}"
every_seconds = {{ int $values.backup.everySeconds }}
keep = {{ int $values.backup.keep }}
incrementals = {{ int $values.backup.incrementals }}
{{- if $values.backup.keySecret }}
key_file = "/etc/schema-registry/backup/backup.key"
{{- end }}
{{- if $values.metadataSecret }}
[security]
metadata_secret_file = "/etc/schema-registry/metadata/metadata.secret"
{{- end }}
{{- end -}}

{{- define "schema-registry.pod-security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "schema-registry.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}
