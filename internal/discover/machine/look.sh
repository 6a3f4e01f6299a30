# What this machine runs. It reads, and changes nothing; nothing here was made from a value. $1: for how many seconds connections are watched.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
most=6291456
part() { echo "@@ $1"; }
part time; date +%s
part name; cat /proc/sys/kernel/hostname
part addresses; ip -o addr show 2>/dev/null
part listeners; ss -Hltnp 2>/dev/null
part sockets
if command -v ss >/dev/null; then
  left=$(( ${1:-0} * 5 ))
  { ss -Htanp; while [ "$left" -gt 0 ]; do left=$((left - 1)); sleep 0.2; ss -Htanp; done; } 2>/dev/null | sort -u | head -c "$most"
fi
part proc
command -v ss >/dev/null || cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | head -c "$most"
part inodes
command -v ss >/dev/null || ls -l /proc/[0-9]*/fd 2>/dev/null | grep -E '^/proc|socket:' | head -c "$most"
part processes
for at in /proc/[0-9]*; do
  { read -r program <"$at/comm" && echo "# ${at#/proc/} $program" && cat "$at/cgroup"; } 2>/dev/null
done | head -c "$most"
part namespaces
own=$(readlink /proc/self/ns/net)
ls -l /proc/[0-9]*/ns/net 2>/dev/null | awk -v own="$own" '$NF != own && !seen[$NF]++ { split($(NF-2), p, "/"); print p[3] }' | head -n 500 | while read -r pid; do
  { read -r program <"/proc/$pid/comm" && echo "# $pid $program" && cat "/proc/$pid/cgroup" "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6"; } 2>/dev/null
done | head -c "$most"
part containers
for engine in docker podman; do
  command -v $engine >/dev/null && $engine ps --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' 2>/dev/null
done
part units
systemctl show '*.service' --no-pager --property=Id,ActiveState,SubState,NRestarts,FragmentPath,User,ExecStart,EnvironmentFiles,WorkingDirectory,MemoryMax 2>/dev/null | head -c "$most"
part packages
{ dpkg-query -W -f='${Package} ${Version} ${db:Status-Abbrev}\n' 2>/dev/null || rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE} ii\n' 2>/dev/null; } | head -c "$most"
part chef
for kind in chef cinc; do
  for file in /etc/$kind/node.json /etc/$kind/first-boot.json /var/$kind/cache/failed-run-data.json /var/$kind/nodes/*.json; do
    [ -f "$file" ] && echo "# $file" && head -c 2097152 "$file" && echo
  done
done
part end
