{{/* `kayan` for a release that is called kayan or has it in its name, else RELEASE-kayan. */}}
{{- define "kayan.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The selector of the pods; it must never change. */}}
{{- define "kayan.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kayan.labels" -}}
{{ include "kayan.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "kayan.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Where a container's settings come from; the last one wins. */}}
{{- define "kayan.settings" -}}
- configMapRef:
    name: {{ include "kayan.name" . }}-config
- secretRef:
    name: {{ .Values.secrets.service }}
- secretRef:
    name: {{ .Values.secrets.database }}
{{- end -}}

{{- define "kayan.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end -}}
