package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// users read pages for a while each before they open the next.
const (
	users    = 64
	pagesOf  = 12 // each user opens
	reading  = 4 * time.Second
	patience = 30 * time.Second // until the portal answers
)

// portal lets many people use the portal of a large estate at once.
func portal(page *bytes.Buffer, program string) (err error) {
	dir, remove, err := largeWorkspace()
	if err != nil {
		return err
	}
	defer remove()
	for _, command := range []string{"scan", "plan"} {
		args := []string{"-w", dir, command}
		if command == "plan" {
			args = append(args, "large")
		}
		if err := undecidedIsFine(exec.Command(program, args...).Run()); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	server := exec.Command(program, "-w", dir, "serve", "--listen", address)
	if err := server.Start(); err != nil {
		return err
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	took, failed, err := visit("http://"+address, []string{"/", "/services/amber-alerts-0790", "/doubts", "/addresses", "/expansions", "/expansions/large", "/expansions/large/journey"})
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Fprintf(page, "\n## Portal\n\nA workspace of 2,000 services with a plan of 500 of them; %d people at once open the map, a service, doubts, addresses, the expansions, the plan and its journey, and read each for %s on average.\n\n| figure | goal | measured |\n| --- | --- | --- |\n", users, reading)
	fmt.Fprintf(page, "| slowest hundredth of %d pages, to the last byte | < 300 ms | %d ms |\n| median | | %d ms |\n| errors | 0 | %d |\n", len(took), took[len(took)*99/100].Milliseconds(), took[len(took)/2].Milliseconds(), failed)
	return nil
}

// visit has all users open pages, once each page was opened, and gives how long each took.
func visit(base string, pages []string) (took []time.Duration, failed int, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: users}}
	defer client.CloseIdleConnections()
	for _, p := range pages {
		if err := eventually(client, base+p); err != nil {
			return nil, 0, err
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for user := range users {
		random := rand.New(rand.NewPCG(1, uint64(user)))
		all.Go(func() {
			for range pagesOf {
				time.Sleep(time.Duration(random.Int64N(int64(2 * reading))))
				start := time.Now()
				err := open(client, base+pages[random.IntN(len(pages))])
				mu.Lock()
				took = append(took, time.Since(start))
				if err != nil {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return took, failed, nil
}

func eventually(client *http.Client, url string) error {
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := open(client, url)
		if err == nil || time.Since(start) > patience {
			return err
		}
	}
}

func open(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}
