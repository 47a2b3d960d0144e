{{/*
Takes root and needs, a list of: kafka registry mongodb postgres postgresPool tokenKeys iiko.
Every variable here is one that the services document in docs/settings.md; helm/check compares.
*/}}
{{- define "kassaflow.environment" -}}
{{- $values := .root.Values -}}
{{- if has "kafka" .needs }}
- name: KASSAFLOW_KAFKA_BROKERS
  value: {{ $values.kafka.brokers | quote }}
{{- if $values.kafka.clientFile.existingSecret }}
- name: KASSAFLOW_KAFKA_CLIENT_FILE
  value: /etc/kassaflow/kafka/{{ $values.kafka.clientFile.key }}
{{- end }}
{{- end }}
{{- if or (has "kafka" .needs) (has "registry" .needs) }}
- name: KASSAFLOW_TOPIC_PREFIX
  value: {{ $values.kafka.topicPrefix | quote }}
{{- end }}
{{- if has "registry" .needs }}
- name: KASSAFLOW_REGISTRY_URL
  value: {{ $values.registry.url | quote }}
{{- end }}
{{- if has "mongodb" .needs }}
{{ include "kassaflow.secretVariable" (list "KASSAFLOW_MONGODB_URI" $values.mongodb.uri) }}
- name: KASSAFLOW_MONGODB_DATABASE
  value: {{ $values.mongodb.database | quote }}
{{- end }}
{{- if has "postgres" .needs }}
{{ include "kassaflow.secretVariable" (list "KASSAFLOW_POSTGRES_URL" $values.postgres.url) }}
{{- end }}
{{- if has "postgresPool" .needs }}
- name: KASSAFLOW_POSTGRES_CONNECTIONS
  value: {{ $values.postgres.connections | quote }}
{{- end }}
{{- if has "tokenKeys" .needs }}
{{ include "kassaflow.secretVariable" (list "KASSAFLOW_TOKEN_KEYS" $values.tokenKeys) }}
{{- end }}
{{- if has "iiko" .needs }}
- name: KASSAFLOW_IIKO_LOGINS_FILE
  value: /etc/kassaflow/iiko/{{ $values.iiko.logins.key }}
{{- end }}
{{- end -}}

{{/* Takes a list: name of the variable, reference to an existing secret. */}}
{{- define "kassaflow.secretVariable" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ (index . 1).existingSecret }}
      key: {{ (index . 1).key }}
{{- end -}}

{{/* Takes a map of settings. YAML has made floats of large integers: 67108864 must not become 6.7108864e+07. */}}
{{- define "kassaflow.settings" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}
  value: {{ printf "%.0f" $value | quote }}
{{- else }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Takes root and needs. Files out of existing secrets. */}}
{{- define "kassaflow.volumes" -}}
{{- $values := .root.Values -}}
{{- if and (has "kafka" .needs) $values.kafka.clientFile.existingSecret }}
- name: kafka-client
  secret:
    secretName: {{ $values.kafka.clientFile.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if has "iiko" .needs }}
- name: iiko-logins
  secret:
    secretName: {{ $values.iiko.logins.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* Takes root and needs. */}}
{{- define "kassaflow.volumeMounts" -}}
{{- if and (has "kafka" .needs) .root.Values.kafka.clientFile.existingSecret }}
- name: kafka-client
  mountPath: /etc/kassaflow/kafka
  readOnly: true
{{- end }}
{{- if has "iiko" .needs }}
- name: iiko-logins
  mountPath: /etc/kassaflow/iiko
  readOnly: true
{{- end }}
{{- end -}}
