package porttest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

func TestAPortIsGivenOnce(t *testing.T) {
	const many = 200
	if os.Getenv("CARAVAN_TAKE_PORTS") != "" {
		for range many {
			os.Stdout.WriteString(strconv.Itoa(Free(t)) + "\n")
		}
		os.Stdin.Read(make([]byte, 1)) // they are its own until the other side closes
		return
	}
	given := map[int]bool{}
	for range many {
		port := Free(t)
		if given[port] || port < first || port >= first+count {
			t.Errorf("%d is given", port)
		}
		given[port] = true
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAPortIsGivenOnce$")
	other.Env = append(os.Environ(), "CARAVAN_TAKE_PORTS=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer in.Close()
	lines := bufio.NewScanner(out)
	for range many {
		lines.Scan()
		port, err := strconv.Atoi(lines.Text())
		if err != nil || given[port] {
			t.Fatalf("another process is given %q: %v", lines.Text(), err)
		}
		given[port] = true
	}
	if port := Free(t); given[port] {
		t.Errorf("%d is another process's", port)
	}
}

func TestAPortIsGivenBackAndNotToThoseWhoListen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "port")
	var port int
	t.Run("a test that ends", func(t *testing.T) {
		port = Free(t)
		if free, err := take(t, file, port); !free || err != nil {
			t.Errorf("%v, %v", free, err)
		}
		if free, err := take(t, file, port); free || err != nil {
			t.Errorf("a second time: %v, %v", free, err)
		}
	})
	if free, err := take(t, file, port); !free || err != nil {
		t.Errorf("once it has ended: %v, %v", free, err)
	}
	l, err := net.Listen("tcp", Address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if free, err := take(t, filepath.Join(t.TempDir(), "port"), l.Addr().(*net.TCPAddr).Port); free || err != nil {
		t.Errorf("somebody listens: %v, %v", free, err)
	}
}
