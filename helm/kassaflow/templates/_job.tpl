{{/*
A command of kassactl before each installation and upgrade. Takes root, name, weight, needs and command (a list).

The hook runs before anything else of the chart exists: it takes its configuration from the values and from
existing secrets only, and runs as the account `default`, whose token is not mounted.
*/}}
{{- define "kassaflow.job" -}}
{{- $values := .root.Values -}}
{{- $labels := dict "root" .root "name" (printf "job-%s" .name) -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "kassaflow.fullname" .root }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "kassaflow.labels" $labels | nindent 4 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ .weight | quote }}
    # The logs stay until the next run.
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  backoffLimit: {{ $values.jobs.backoffLimit }}
  activeDeadlineSeconds: {{ $values.jobs.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: {{ $values.jobs.ttlSecondsAfterFinished }}
  template:
    metadata:
      labels:
        {{- include "kassaflow.selectorLabels" $labels | nindent 8 }}
        app.kubernetes.io/part-of: kassaflow
    spec:
      restartPolicy: Never
      {{- if not $values.serviceAccount.create }}
      serviceAccountName: {{ include "kassaflow.serviceAccountName" .root }}
      {{- end }}
      {{- include "kassaflow.podBasics" .root | nindent 6 }}
      containers:
        - name: kassactl
          image: {{ include "kassaflow.image" (dict "root" .root "name" "kassactl") | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            {{- toYaml .command | nindent 12 }}
          securityContext:
            {{- include "kassaflow.containerSecurity" . | nindent 12 }}
          env:
            {{- include "kassaflow.environment" . | trim | nindent 12 }}
          resources:
            {{- toYaml $values.jobs.resources | nindent 12 }}
          {{- with include "kassaflow.volumeMounts" . | trim }}
          volumeMounts:
            {{- . | nindent 12 }}
          {{- end }}
      {{- with include "kassaflow.volumes" . | trim }}
      volumes:
        {{- . | nindent 8 }}
      {{- end }}
{{- end -}}
