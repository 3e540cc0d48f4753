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

{{- define "schema-registry.selector" -}}
app.kubernetes.io/name: schema-registry
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "schema-registry.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* The stable name of a pod: a member is known by it, never by an address that changes. */ -}}
{{- define "schema-registry.host" -}}
{{ include "schema-registry.name" .root }}-{{ .ordinal }}.{{ include "schema-registry.name" .root }}-peers.{{ .root.Release.Namespace }}.svc
{{- end -}}
