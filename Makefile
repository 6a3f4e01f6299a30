# Caravan. `make help` lists what there is to do.
SHELL := /bin/bash
GO ?= go
BIN := bin/caravan
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: FORCE help build demo test soak check bench generate machine clean testbed-up testbed-status testbed-down
.DEFAULT_GOAL := help

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the program, as bin/caravan
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X example.org/caravan/internal/cli.Version=$(VERSION)" -o $(BIN) ./cmd/caravan

demo: build ## map the sample company and ask it a question
	@$(BIN) demo

test: machine ## every test, against the real things; installs what it needs
	@scripts/test --times

soak: machine ## prove by large numbers what make test exercises, for hours; writes docs/soak.md
	@scripts/test --soak

check: ## what every commit passes: format, vet, lint, unit tests, generated files
	@scripts/check

bench: build machine ## measure, and write docs/figures.md: ONLY="Portal" for one section alone
	@scripts/bench $(if $(ONLY),"$(ONLY)")

generate: ## pages, schemas and golden files
	@scripts/generate

bin/bed: FORCE
	@$(GO) build -C testbed -o ../bin/bed ./cmd/bed

testbed-up: machine bin/bed ## real clusters and machines on this one: CLUSTERS=2 MACHINES=3
	@bin/bed up --clusters $(or $(CLUSTERS),2) --machines $(or $(MACHINES),3)

testbed-status: bin/bed ## what of them runs
	@bin/bed status

testbed-down: bin/bed ## take all of them away
	@bin/bed down

machine: # the Debian packages and programs the tests run against
	@scripts/machine
	@scripts/gitlab-ci-local

clean: ## remove what was built
	@rm -rf bin
