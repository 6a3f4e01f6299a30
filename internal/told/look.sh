# What the process of a service is told. It reads, and changes nothing; nothing here was made from a value. Arguments: units it may be; ":", ports
# it may listen on; ":", files that it reads.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
most=1048576
part() { echo "@@ $1"; }
unit=
found() { [ -z "$unit" ] && [ "$(systemctl show "$1" --property=LoadState --value 2>/dev/null)" = loaded ] && unit=$1; }
while [ $# -gt 0 ] && [ "$1" != : ]; do
  found "$1"
  shift
done
shift
while [ $# -gt 0 ] && [ "$1" != : ]; do
  for pid in $(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*pid=\([0-9]*\).*/\1/p'); do
    of=$(sed -n 's|.*/\([^/]*\.service\).*|\1|p' "/proc/$pid/cgroup" 2>/dev/null | tail -n 1)
    [ -n "$of" ] && found "$of"
  done
  shift
done
shift
[ -n "$unit" ] || exit 0
part "unit $unit"
systemctl show "$unit" --property=ActiveState,MainPID,Environment,PassEnvironment,DropInPaths
pid=$(systemctl show "$unit" --property=MainPID --value)
[ "${pid:-0}" != 0 ] || exit 0
part environ
head -c "$most" "/proc/$pid/environ" | base64 -w 0
echo
systemctl show "$unit" --property=EnvironmentFiles --value | sed 's/ (ignore_errors=[a-z]*)$//' | while IFS= read -r files; do
  IFS= # a blank in a path parts nothing, and patterns are those of glob(7)
  for file in $files; do
    [ -f "$file" ] || continue
    part "given $file"
    head -c "$most" "$file" | base64 -w 0
    echo
  done
done
for file; do
  [ -f "/proc/$pid/root$file" ] || continue
  part "file $file"
  head -c "$most" "/proc/$pid/root$file" | base64 -w 0
  echo
done
part end
