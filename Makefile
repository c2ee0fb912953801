# SPDX-License-Identifier: MIT
# A thin layer over meson; `make help` lists the targets.

BUILD := build
DB ?= sqlite
SECONDS_EACH ?= 600
COUNT ?= 1000000
SEED ?= 1
SOAK_SECONDS ?= 600
CACHE_READS ?= 1000000
SOAK_SEED ?=
PREFIX ?= /usr/local
DEMO_PACKAGES := build demo $(if $(filter postgresql mariadb,$(DB)),demo-$(DB))

.PHONY: all help demo demo-stop test differential mutation soak bench fuzz format check lint docs clean install

all: $(BUILD)/build.ninja
	ninja -C $(BUILD) tribikosd

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing; tools/install-deps build gets what a build needs"; exit 1; }
	meson setup $(BUILD)

help:
	@echo "make            build/tribikosd"
	@echo "make demo       build, load real data into SQLite, ask about it (DB=postgresql, DB=mariadb)"
	@echo "make demo-stop  end what a demo left running"
	@echo "make test       all tests, with the packages they need"
	@echo "make differential  COUNT=1000000 random statements on three databases, from SEED=1 on"
	@echo "make mutation   all faults made on purpose, which those must find"
	@echo "make soak       CACHE_READS=1000000 cached reads, checked; bank and list-append under"
	@echo "                faults, SOAK_SECONDS=600 (SOAK_SEED=…)"
	@echo "make check      the checks of the sources alone"
	@echo "make bench      benchmarks against other programs"
	@echo "make fuzz       each fuzz target for SECONDS_EACH=$(SECONDS_EACH) seconds"
	@echo "make format     clang-format 14 over all C files"
	@echo "make lint       clang-tidy"
	@echo "make docs       the docs and samples that are made from the code"
	@echo "make install    tribikosd to PREFIX=$(PREFIX) (DESTDIR is heeded)"
	@echo "make clean      removes all builds"

demo:
	tools/install-deps $(DEMO_PACKAGES)
	$(MAKE) all
	demo/run $(DB)

demo-stop:
	demo/run --stop

test:
	tools/install-deps build test
	tools/run-tests

differential:
	tools/install-deps build test
	$(MAKE) all
	TRIBIKOSD=$(CURDIR)/$(BUILD)/tribikosd /usr/bin/python3 tests/differential/differ.py --count $(COUNT) --seed $(SEED)

mutation:
	tools/install-deps build test
	$(MAKE) all
	/usr/bin/python3 tests/differential/mutate.py --all
	/usr/bin/python3 tests/soak/mutate.py

soak:
	tools/install-deps build test
	$(MAKE) all
	ninja -C $(BUILD) tests/soak/cache_load
	TRIBIKOSD=$(CURDIR)/$(BUILD)/tribikosd /usr/bin/python3 tests/soak/cache_run.py --reads $(CACHE_READS) $(if $(SOAK_SEED),--seed $(SOAK_SEED))
	TRIBIKOSD=$(CURDIR)/$(BUILD)/tribikosd /usr/bin/python3 tests/soak/run.py --seconds $(SOAK_SECONDS) $(if $(SOAK_SEED),--seed $(SOAK_SEED))

check:
	tools/install-deps build test
	$(MAKE) all
	tools/run-tests house

bench:
	tools/install-deps build bench
	$(MAKE) all
	bench/run
	bench/bulk
	bench/compile
	bench/cache
	bench/faults

fuzz:
	tools/install-deps build test
	tools/run-fuzz $(SECONDS_EACH)

format:
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format-14 -i

lint:
	tools/install-deps build lint
	$(MAKE) all
	tools/lint

docs: all
	tools/check-docs --write

install: all
	install -D -m 755 $(BUILD)/tribikosd $(DESTDIR)$(PREFIX)/sbin/tribikosd

clean:
	@! [ -e build/demo/state.json ] || demo/run --stop
	rm -rf build build-asan build-tsan build-fuzz build-bench
