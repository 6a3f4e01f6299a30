package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asProgram, in the environment, makes the test's program the one it tests.
const asProgram = "CARAVAN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

func TestCtrlCEndsAServerInPeace(t *testing.T) {
	cmd := program(t, "serve", "--listen", "127.0.0.1:0", t.TempDir())
	news, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(news)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "portal  http://127.0.0.1:") {
		t.Errorf("%q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasSuffix(string(rest), "stopped\n") {
		t.Errorf("%q, %v", rest, err)
	}
	if code := exitCode(cmd.Wait()); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestCtrlCEndsACommandWithItsOwnCode(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cmd := program(t, "map", "--server", "http://"+silent.Addr().String())
	var out, news strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &news
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(cmd.Wait()); code != 130 || out.Len() != 0 || news.String() != "caravan: interrupted; what was written is whole, and the same command goes on from there\n" {
		t.Errorf("%d, %q, %q", code, out.String(), news.String())
	}
}

func TestErrorsAreOneLineAndACode(t *testing.T) {
	var out, news strings.Builder
	cmd := program(t, "map", "not-there")
	cmd.Stdout, cmd.Stderr = &out, &news
	if code := exitCode(cmd.Run()); code != 4 || out.Len() != 0 || strings.Count(news.String(), "\n") != 1 || !strings.HasPrefix(news.String(), "caravan: ") {
		t.Errorf("%d, %q, %q", code, out.String(), news.String())
	}
}
