package kube

import (
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// backupCommand is pgBackRest in a pod, with its configuration and what is secret.
const backupCommand = "/config/pgbackrest"

// backupContainer is the container of a pod that makes backups. Who runs pgbackrest in it runs the command above.
const backupContainer = "backups"

// backupKeys is the folder of what is secret.
const backupKeys = "/secrets/backup"

func (s store) backupSecret() string { return workload.NameOf(s.name + "-backup") }

// backedUp adds what pgBackRest needs to the files of an instance: the primary hands over its log, and a container beside it makes backups.
func (c *cluster) backedUp(s store, files map[string]string) {
	if c.Backups == nil {
		return
	}
	k := render.Instance{Stanza: s.name, Data: s.dataFolder(), Socket: socketFolder, Port: postgresPort}
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n# pgBackRest, with what it has to know.\nset -eu\nexport PGBACKREST_CONFIG=/config/pgbackrest.conf PGBACKREST_STANZA=%s PGBACKREST_CMD=%s\n", s.name, backupCommand)
	for _, option := range c.Backups.BackupSecrets() {
		variable := "PGBACKREST_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
		fmt.Fprintf(&b, "%s=$(cat %s)\nexport %[1]s\n", variable, path.Join(backupKeys, option))
	}
	b.WriteString("exec /usr/bin/pgbackrest \"$@\"\n")
	files["pgbackrest"] = b.String()
	files["pgbackrest.conf"] = c.Backups.Config(k, string(c.Environment), s.name)
	files["back-up"] = c.Backups.BackupScript(k, backupCommand)
	files["keep-backups"] = keepBackups
}

const keepBackups = `#!/bin/sh
# Looks each minute whether a backup is due.
set -u
trap exit TERM
while :; do
  /config/back-up &
  wait $!
  sleep 60 &
  wait $!
done
`

// backupMount is where a container finds what is secret.
func backupMount() *yaml.Node { return m("name", "backup", "mountPath", backupKeys, "readOnly", true) }

// backupPod is the container beside an instance that makes backups, and the volume of what is secret.
func (c *cluster) backupPod(s store) (container, volume *yaml.Node) {
	mount := func(name, at string) *yaml.Node { return m("name", name, "mountPath", at) }
	container = m("name", backupContainer, "image", c.databaseImage(s), "command", []string{"/config/keep-backups"},
		"env", []*yaml.Node{m("name", "PATH", "value", "/config:/usr/bin:/bin")},
		"resources", exactly(backupShare()), "securityContext", containerSecurity(), "volumeMounts", []*yaml.Node{
			mount("config", "/config"), backupMount(), mount("data", postgresHome), mount("socket", socketFolder), mount("tmp", temporary),
		})
	return container, m("name", "backup", "secret", m("secretName", s.backupSecret()))
}

// backupShare is what a container that backs up is given: it compresses on two processors.
func backupShare() render.Share { return render.Share{Memory: 256 * mebi, CPU: 2000, LeastCPU: 50} }

// backupSecrets notes what has to be there before backups are made.
func (c *cluster) backupSecrets(s store) {
	if c.Backups == nil {
		return
	}
	for _, option := range c.Backups.BackupSecrets() {
		c.secrets = append(c.secrets, secret{s.namespace, s.backupSecret(), option, render.SecretMeaning(option) + " of " + string(s.Name)})
	}
}

// objectStore is where CloudNativePG puts backups and the log.
func (c *cluster) objectStore(s store) any {
	if c.Backups == nil {
		return nil
	}
	at := c.Backups.S3
	key := func(name string) *yaml.Node { return m("name", s.backupSecret(), "key", name) }
	var ca any
	if at.CA != "" {
		ca = m("name", at.CA, "key", "ca.crt")
	}
	return m("retentionPolicy", fmt.Sprintf("%dd", render.RetainedDays), "barmanObjectStore", m(
		"destinationPath", "s3://"+path.Join(at.Bucket, c.Backups.Repository(string(c.Environment), "")), "endpointURL", "https://"+at.Endpoint, "endpointCA", ca,
		"s3Credentials", m("accessKeyId", key("repo1-s3-key"), "secretAccessKey", key("repo1-s3-key-secret"), "region", key("region")),
		"wal", m("compression", "gzip"), "data", m("compression", "gzip", "immediateCheckpoint", true)))
}

// scheduled has CloudNativePG back up each night.
func (c *cluster) scheduled(f *folder, s store) {
	if c.Backups == nil {
		return
	}
	f.put("scheduledbackup.yaml", "Each night; the first field are seconds.", m("apiVersion", "postgresql.cnpg.io/v1", "kind", "ScheduledBackup", "metadata", meta(s.name), "spec", m(
		"schedule", fmt.Sprintf("0 0 %d * * *", c.Backups.At()), "immediate", true, "backupOwnerReference", "self", "cluster", m("name", s.name))))
	for _, key := range c.Backups.BackupSecrets()[:2] {
		c.secrets = append(c.secrets, secret{s.namespace, s.backupSecret(), key, render.SecretMeaning(key) + " of " + string(s.Name)})
	}
	c.secrets = append(c.secrets, secret{s.namespace, s.backupSecret(), "region", fmt.Sprintf("`%s`, the region of the bucket of %s", c.Backups.S3.Region, s.Name)})
}

// toBackups lets instances through to where backups go.
func (c *cluster) toBackups() []rule {
	if c.Backups == nil {
		return nil
	}
	return []rule{{who: "to where backups go", ports: []rulePort{{c.Backups.S3.Port(), "TCP"}}}}
}
