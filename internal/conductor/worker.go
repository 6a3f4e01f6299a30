package conductor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Self names this program among all that do steps: the machine since it was started, the processes it can see, and when it began.
func Self() string {
	return fmt.Sprintf("%s/%d/%s", machine(), os.Getpid(), began(os.Getpid()))
}

// machine names the processes that can be seen from here: those of one boot, in one namespace.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		host, _ := os.Hostname()
		return host
	}
	space, _ := os.Readlink("/proc/self/ns/pid")
	return strings.TrimSpace(string(boot)) + "+" + strings.Trim(strings.TrimPrefix(space, "pid:"), "[]")
}

// began is when a process began, as proc(5) counts; "" when there is no such process, or nobody can tell.
func began(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	const startTime, state = 19, 0
	if len(fields) <= startTime || fields[state] == "Z" {
		return ""
	}
	return fields[startTime]
}

// Gone reports whether a worker does nothing any more: at once when it is a process that could be seen from here, else when it has been
// silent for too long.
func Gone(worker string, silent bool) bool {
	parts := strings.Split(worker, "/")
	if len(parts) != 3 || parts[2] == "" || parts[0] != machine() {
		return silent
	}
	pid, err := strconv.Atoi(parts[1])
	return err != nil || began(pid) != parts[2]
}
