{{- define "penumbra.name" -}}
{{- if contains "penumbra" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-penumbra" (.Release.Name | trunc 43 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "penumbra.selector" -}}
app.kubernetes.io/name: penumbra
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "penumbra.labels" -}}
{{ include "penumbra.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "penumbra.secret" -}}
{{- default (include "penumbra.name" .) .Values.token.secret }}
{{- end }}
