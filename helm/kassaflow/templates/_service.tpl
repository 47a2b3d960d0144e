{{/*
One of the five services. Takes root, name, values (its block), needs (see _environment.tpl) and http
(whether it has the port that registers talk to).
*/}}
{{- define "kassaflow.deployment" -}}
{{- $values := .root.Values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "kassaflow.fullname" .root }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "kassaflow.labels" . | nindent 4 }}
spec:
  replicas: {{ .values.replicas }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      {{- if .http }}
      maxSurge: 1
      maxUnavailable: 0
      {{- else }}
      # The old one goes first: a consumer above the number of partitions gets no work, and a second relay
      # would wait for the first one's lock.
      maxSurge: 0
      maxUnavailable: 1
      {{- end }}
  selector:
    matchLabels:
      {{- include "kassaflow.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        # Not the chart's version: a new chart alone restarts nothing.
        {{- include "kassaflow.selectorLabels" . | nindent 8 }}
        app.kubernetes.io/part-of: kassaflow
      annotations:
        kubectl.kubernetes.io/default-container: {{ .name }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "kassaflow.serviceAccountName" .root }}
      {{- include "kassaflow.podBasics" .root | nindent 6 }}
      {{- with include "kassaflow.topologySpread" . | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      terminationGracePeriodSeconds: {{ $values.shutdown.graceSeconds }}
      containers:
        - name: {{ .name }}
          image: {{ include "kassaflow.image" . | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          securityContext:
            {{- include "kassaflow.containerSecurity" . | nindent 12 }}
          env:
            - name: KASSAFLOW_ADMIN_LISTEN
              value: 0.0.0.0:9100
            {{- if .http }}
            - name: KASSAFLOW_HTTP_LISTEN
              value: 0.0.0.0:8080
            {{- end }}
            - name: KASSAFLOW_LOG
              value: {{ $values.log.level | quote }}
            - name: KASSAFLOW_LOG_FORMAT
              value: {{ $values.log.format }}
            - name: KASSAFLOW_SHUTDOWN_TIMEOUT_SECONDS
              value: {{ $values.shutdown.timeoutSeconds | quote }}
            {{- include "kassaflow.environment" . | trim | nindent 12 }}
            {{- with include "kassaflow.settings" .values.settings | trim }}
            {{- . | nindent 12 }}
            {{- end }}
          ports:
            {{- if .http }}
            - name: http
              containerPort: 8080
            {{- end }}
            - name: admin
              containerPort: 9100
          {{- if and .http (gt (int $values.shutdown.preStopSeconds) 0) (semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version) }}
          lifecycle:
            preStop:
              # By the kubelet: the image has no shell and no `sleep`.
              sleep:
                seconds: {{ $values.shutdown.preStopSeconds }}
          {{- end }}
          # The process answers. Waiting for Kafka, the registry or a database is no reason to restart it.
          startupProbe:
            httpGet: {path: /livez, port: admin}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 30
          livenessProbe:
            httpGet: {path: /livez, port: admin}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          # All parts make progress.
          readinessProbe:
            httpGet: {path: /readyz, port: admin}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          {{- with include "kassaflow.volumeMounts" . | trim }}
          volumeMounts:
            {{- . | nindent 12 }}
          {{- end }}
      {{- with include "kassaflow.volumes" . | trim }}
      volumes:
        {{- . | nindent 8 }}
      {{- end }}
{{- end -}}

{{/* Takes the same. With one replica a budget would only keep nodes from being drained. */}}
{{- define "kassaflow.podDisruptionBudget" -}}
{{- if gt (int .values.replicas) 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "kassaflow.fullname" .root }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "kassaflow.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready may go in any case.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "kassaflow.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}
