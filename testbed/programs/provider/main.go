// Command provider is an OpenID Connect provider on this machine: the certified one of github.com/zitadel/oidc, over people and groups from a file. It
// prints its issuer on a line of its own once it answers. A client's secret is in CLIENT_SECRET.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// person is somebody the provider knows.
type person struct {
	storage.User
	Groups []string
}

// people are all of them, by what the provider knows them by.
type people map[string]*person

func (p people) ExampleClientID() string { return storage.ServiceUserID }

func (p people) GetUserByID(id string) *storage.User {
	if one, ok := p[id]; ok {
		return &one.User
	}
	return nil
}

func (p people) GetUserByUsername(name string) *storage.User {
	for _, one := range p {
		if one.Username == name {
			return &one.User
		}
	}
	return nil
}

// grouped says of people in which groups they are, too.
type grouped struct {
	*storage.Storage
	people people
}

func (g grouped) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := g.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	info.AppendClaims("groups", g.people[info.Subject].Groups)
	return nil
}

func (g grouped) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string) error {
	if err := g.Storage.SetUserinfoFromRequest(ctx, info, request, scopes); err != nil {
		return err
	}
	info.AppendClaims("groups", g.people[request.GetSubject()].Groups)
	return nil
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port; port 0 takes a free one")
	file := flag.String("people", "", "JSON: people by what they are known by")
	client := flag.String("client", "caravan", "what the client is known by")
	redirect := flag.String("redirect", "", "address the client may be sent back to")
	flag.Parse()
	if err := serve(*listen, *file, *client, *redirect); err != nil {
		log.Fatal(err)
	}
}

func serve(listen, file, client, redirect string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	known := people{}
	if err := json.Unmarshal(data, &known); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return err
	}
	issuer := "http://" + l.Addr().String()
	clients := map[string]*storage.Client{client: storage.WebClient(client, os.Getenv("CLIENT_SECRET"), redirect)}
	kept := grouped{storage.NewStorageWithClients(known, clients), known}
	handler := exampleop.SetupServer(issuer, kept, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	fmt.Println(issuer)
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}
