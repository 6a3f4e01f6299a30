package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

// faults are what a service was told to suffer from.
type faults struct {
	mu   sync.Mutex
	slow time.Duration // before every answer
	fail bool          // it says that it is not well
	kept [][]byte      // and never given back
}

// set takes in what to suffer from: {"slow": "2s", "fail": true, "leak": 1048576, "crash": true}.
func (f *faults) set(w http.ResponseWriter, r *http.Request) {
	var told struct {
		Slow        string
		Fail, Crash bool
		Leak        int
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&told); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	slow, err := time.ParseDuration(told.Slow)
	if err != nil && told.Slow != "" {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if told.Crash {
		os.Exit(1) //nolint:forbidigo // told to crash
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slow, f.fail = slow, told.Fail
	if told.Leak > 0 {
		more := make([]byte, told.Leak)
		for i := 0; i < len(more); i += 4096 {
			more[i] = 1 // so that it takes real memory
		}
		f.kept = append(f.kept, more)
	}
}

// disturb suffers: late, or not at all.
func (f *faults) disturb(ctx context.Context) error {
	f.mu.Lock()
	slow, fail := f.slow, f.fail
	f.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(slow):
	}
	if fail {
		return errors.New("told to be unwell")
	}
	return nil
}
