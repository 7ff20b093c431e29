{{- define "billstream.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "billstream.labels" -}}
app.kubernetes.io/name: billstream
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "billstream.allLabels" -}}
{{ include "billstream.labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "billstream.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* The environment of every container. The names are those of `billstream settings`. */ -}}
{{- define "billstream.env" -}}
- name: BILLSTREAM_CATALOG
  valueFrom:
    secretKeyRef: { name: {{ .Values.catalog.existingSecret | quote }}, key: {{ .Values.catalog.key | quote }} }
- { name: AWS_REGION, value: {{ .Values.aws.region | quote }} }
- { name: BILLSTREAM_BUCKET, value: {{ .Values.aws.bucket | quote }} }
{{- with .Values.aws.buckets }}
- { name: BILLSTREAM_BUCKETS, value: {{ join "," . | quote }} }
{{- end }}
- { name: BILLSTREAM_QUEUE_URL, value: {{ .Values.aws.queueUrl | quote }} }
- { name: BILLSTREAM_DATA_PATH, value: {{ .Values.aws.dataPath | quote }} }
- { name: BILLSTREAM_INSIGHTS_DIR, value: {{ .Values.aws.insightsDir | quote }} }
- { name: BILLSTREAM_LOG_FORMAT, value: json }
- { name: TMPDIR, value: /tmp }
{{- range $name, $value := .Values.env }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{- /* A pod of one container. Takes root, component, args, resources, grace, and optionally env, secrets, service, spool. */ -}}
{{- define "billstream.pod" -}}
serviceAccountName: {{ include "billstream.name" .root }}-{{ .account | default .component }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ add .grace 15 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: billstream
    image: {{ include "billstream.image" .root | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ toJson .args }}
    env:
      {{- include "billstream.env" .root | nindent 6 }}
      - { name: BILLSTREAM_GRACE_SECONDS, value: {{ .grace | quote }} }
      {{- range $name, $value := .env }}
      - { name: {{ $name }}, value: {{ $value | quote }} }
      {{- end }}
    {{- with .secrets }}
    envFrom:
      {{- range . }}
      - secretRef: { name: {{ . }} }
      {{- end }}
    {{- end }}
    {{- if .service }}
    ports:
      - { name: metrics, containerPort: {{ .root.Values.metrics.port }} }
    # A lost catalog is waited for, and that counts as alive: a restart would not bring it back.
    startupProbe:
      httpGet: { path: /healthz, port: metrics }
      periodSeconds: 5
      failureThreshold: 60
    livenessProbe:
      httpGet: { path: /healthz, port: metrics }
      periodSeconds: 20
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: { path: /readyz, port: metrics }
      periodSeconds: 10
      timeoutSeconds: 5
    {{- end }}
    resources: {{- toYaml .resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    volumeMounts:
      - { name: home, mountPath: /var/lib/billstream }
      - { name: tmp, mountPath: /tmp }
      {{- if and .root.Values.files (not .bare) }}
      - { name: files, mountPath: /etc/billstream, readOnly: true }
      {{- end }}
volumes:
  - name: home
    emptyDir: { sizeLimit: {{ .root.Values.consumer.spoolSize }} }
  - name: tmp
    emptyDir: { sizeLimit: 1Gi }
  {{- if and .root.Values.files (not .bare) }}
  - name: files
    configMap: { name: {{ include "billstream.name" .root }}-files }
  {{- end }}
{{- end }}
