# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help build demo demo-source test test-kernels bench format lint install clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

build: ## Build hoverd and hoverctl (debug)
	@scripts/build

demo: build ## Run a home gateway made of IO Modules, with DHCP clients, NAT, a firewall and DPI (root)
	@scripts/install-packages run demo
	@scripts/isolate scripts/demo

demo-source: build ## Chain uploaded C modules between two namespaces, ping, swap code, kill hoverd (root)
	@scripts/install-packages run
	@scripts/isolate scripts/demo-source

test: ## Run all tests (root); TESTS=regex for some
	@scripts/test $(TESTS)

test-kernels: ## Run the kernel and traffic tests on Linux 6.1 in a virtual machine, slowly (root); TESTS=regex
	@TESTS="$(TESTS)" scripts/test-kernels

bench: ## Run all benchmarks (root); BENCH=name for one
	@scripts/bench $(BENCH)

format: ## Format Swift and C in place
	@scripts/format

lint: ## Check formatting, shell scripts and what is committed
	@scripts/lint

install: ## Install binaries, headers, systemd unit, completions; PREFIX=/usr/local DESTDIR=
	@scripts/install "$(DESTDIR)" "$(PREFIX)"

clean: ## Remove what was built
	rm -rf .build .venv
