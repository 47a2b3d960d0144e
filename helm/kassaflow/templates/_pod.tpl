{{/* What all pods have in common. Takes the root. Meets the Pod Security Standard "restricted". */}}
{{- define "kassaflow.podBasics" -}}
automountServiceAccountToken: false
# Kubernetes would set variables named after every service of the namespace, KASSAFLOW_* among them.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # Files of secrets are readable by this group only.
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kassaflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Takes root and name. */}}
{{- define "kassaflow.topologySpread" -}}
{{- $spread := .root.Values.topologySpread -}}
{{- if or $spread.zone $spread.host }}
topologySpreadConstraints:
{{- range $key, $rule := dict "topology.kubernetes.io/zone" $spread.zone "kubernetes.io/hostname" $spread.host }}
{{- if $rule }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $rule }}
    labelSelector:
      matchLabels:
        {{- include "kassaflow.selectorLabels" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
