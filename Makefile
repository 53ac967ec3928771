# SPDX-License-Identifier: BSD-2-Clause
# The whole build. `make help` lists what can be asked for.
#
# Everything made lies under build/; the sanitized build has a directory of its own, so that no object of one build is
# linked into the other. What a compilation depends on is written down by the compiler; the flags themselves are a
# file, so that other flags build anew.

VERSION := 0.1.0

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
MANDIR     ?= $(PREFIX)/share/man
DATADIR    ?= $(PREFIX)/share/flowgauge
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERDIR ?= $(PREFIX)/lib/sysusers.d
CONFIGDIR  ?= /etc/flowgauge

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG  ?= clang
PYTHON ?= /usr/bin/python3
CFLAGS ?= -O2 -g
WERROR ?= -Werror

ifeq ($(SANITIZE),1)
BUILD  := build/sanitize
HARDEN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LINK_HARDEN := $(HARDEN)
else
BUILD  := build
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
LINK_HARDEN ?= -pie -Wl,-z,relro,-z,now
endif

# --- what there is ---

PACKAGES := libbpf libmnl libmicrohttpd libcurl libcjson ncursesw zlib libcap libpcap

USER_SOURCES       := $(sort $(wildcard user/*/*.c))
MAIN_SOURCES       := user/app/main.c user/app/controller.c
CONTROLLER_SOURCES := $(filter user/app/controller%.c,$(USER_SOURCES))
CONTROLLER_SHARES  := user/app/config_find.c user/app/config_lines.c
MONITOR_SOURCES    := $(filter-out $(CONTROLLER_SOURCES),$(USER_SOURCES))
BPF_SOURCES        := $(wildcard bpf/*.[ch] include/*.h)
UNIT_TESTS         := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/test_*.c)))
BPF_TESTS          := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bpf/test_*.c)))
FUZZ_TESTS         := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/test_*.c)))
FUZZERS            := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZED_SOURCES     := $(sort $(wildcard user/base/*.c user/app/config*.c user/kernel/rule*.c)) user/app/control.c user/app/rate_port.c user/app/rate_settings.c \
	user/export/http_negotiate.c user/export/push_path.c user/export/openstack_keystone.c user/export/openstack_gnocchi.c user/export/openstack_record.c \
	user/kernel/replay_link.c user/probe/echo.c user/probe/target.c user/measure/ping_statistics.c user/measure/rtt_spread.c tests/fuzz/exchange.c tests/fuzz/frame.c
TEST_TOOLS         := $(patsubst tests/e2e/tools/%.c,build/tests/tools/%,$(sort $(wildcard tests/e2e/tools/*.c)))
BENCHES            := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard bench/*_bench.c)))
LINKED_TOOLS       := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/e2e/linked/*.c)))
MAN_PAGES          := $(sort $(wildcard docs/man/*.[58]))
C_FILES            := $(sort $(wildcard include/*.h bpf/*.[ch] user/*/*.[ch] bench/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch]))

objects      = $(patsubst %.c,$(BUILD)/%.o,$(1))
helpers      = $(call objects,$(filter-out tests/$(1)/test_%,$(wildcard tests/$(1)/*.c)))
USER_OBJECTS := $(call objects,$(USER_SOURCES))
BENCH_OBJECTS := $(call objects,$(sort $(filter-out %.bpf.c %_bench.c,$(wildcard bench/*.c))))
BENCH_BPF    := $(patsubst %.bpf.c,build/%.bpf.o,$(sort $(wildcard bench/*.bpf.c)))
LIBRARY      := $(BUILD)/libflowgauge.a
SKELETONS    := $(patsubst %.bpf.c,build/%.skel.h,$(sort $(wildcard bpf/*.bpf.c)))
WEB_INDEX    := build/web/web_index.h

# --- how it is compiled ---

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(CUT_ON_PURPOSE) $(WERROR)
INCLUDES := -Iinclude -Iuser -Ibuild/bpf -Ibuild/web
# Asked for once, and only by a recipe that needs it: "make help" and "make clean" want no library.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS   = $(eval PACKAGE_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)
CMOCKA_FLAGS   = $(eval CMOCKA_FLAGS := $$(shell pkg-config --cflags --libs cmocka))$(CMOCKA_FLAGS)
BPFTOOL        = $(eval BPFTOOL := $$(shell scripts/dependencies.sh path bpftool))$(BPFTOOL)
BPF_ASM        = $(eval BPF_ASM := $$(shell gcc -dumpmachine))$(BPF_ASM)
BPF_ARCH       = $(eval BPF_ARCH := $$(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/'))$(BPF_ARCH)

# snprintf cuts to the room there is, on purpose; gcc foresees it, and more of it where the C library is fortified.
CUT_ON_PURPOSE = $(eval CUT_ON_PURPOSE := $$(if $$(findstring clang,$$(shell $(CC) --version)),,-Wno-format-truncation))$(CUT_ON_PURPOSE)

COMPILE = $(CC) -std=gnu11 $(CFLAGS) $(HARDEN) $(WARNINGS) -D_GNU_SOURCE -DFLOWGAUGE_VERSION=\"$(VERSION)\" \
	  $(INCLUDES) $(PACKAGE_CFLAGS) $(CPPFLAGS)
LINK    = $(CC) $(CFLAGS) $(HARDEN) $(LINK_HARDEN) -Wl,--as-needed $(LDFLAGS)
LIBS    = $(PACKAGE_LIBS) -lm $(LDLIBS)
COMPILE_BPF = $(CLANG) -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -mcpu=v3 -O2 -g -Wall $(WERROR) -Iinclude -Ibpf -I/usr/include/$(BPF_ASM)

ifeq ($(V),1)
say =
Q   :=
else
say = @printf '  %-6s %s\n' '$(1)' '$(2)'
Q   := @
endif

.DELETE_ON_ERROR:
.PRECIOUS: build/bench/%.bpf.o build/bpf/%.bpf.o
.PHONY: all tests check fuzz fuzzers start bench lint format install uninstall clean help need-root FORCE

ifeq ($(SANITIZE),1)
all: $(BUILD)/flowgauge $(BUILD)/monitor_controller
else
all: flowgauge monitor_controller ## Build ./flowgauge and ./monitor_controller (the default)
endif

flowgauge monitor_controller: %: build/%
	$(Q)ln -sfn $< $@

$(BUILD)/flowgauge: $(call objects,$(MONITOR_SOURCES)) $(BUILD)/flags
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIBS)

$(BUILD)/monitor_controller: $(call objects,$(CONTROLLER_SOURCES) $(CONTROLLER_SHARES) $(filter user/base/%,$(USER_SOURCES))) $(BUILD)/flags
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIBS)

# What tests and benches take from: everything but the two programs' own main().
$(LIBRARY): $(filter-out $(call objects,$(MAIN_SOURCES)),$(USER_OBJECTS))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) -MMD -MP -c -o $@ $<

$(call objects,$(filter user/kernel/%,$(USER_SOURCES))): | $(SKELETONS)
$(call objects,$(filter user/export/%,$(USER_SOURCES))): | $(WEB_INDEX)

$(BUILD)/flags: FORCE | build/dependencies
	@mkdir -p $(@D)
	@printf '%s\n' '$(COMPILE) $(LINK) $(LIBS)' | cmp -s - $@ || printf '%s\n' '$(COMPILE) $(LINK) $(LIBS)' >$@

# --- the kernel half, the page, and what they need ---

build/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_SOURCES) | build/dependencies
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE_BPF) -c -o $@ $<

build/bench/%.bpf.o: bench/%.bpf.c bench/packet_choice.h | build/dependencies
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE_BPF) -c -o $@ $<

%.skel.h: %.bpf.o
	$(call say,SKEL,$@)
	$(Q){ echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name $(*F)_bpf && echo '/* NOLINTEND */'; } >$@

$(WEB_INDEX): user/export/web/index.html scripts/embed.py
	$(call say,EMBED,$<)
	$(Q)mkdir -p $(@D) && $(PYTHON) scripts/embed.py web_index_html $< >$@

build/dependencies: scripts/dependencies.sh
	@scripts/dependencies.sh check build && mkdir -p $(@D) && touch $@

build/dependencies-test: scripts/dependencies.sh
	@scripts/dependencies.sh check test && mkdir -p $(@D) && touch $@

# --- tests and benches ---

tests: $(UNIT_TESTS) $(BPF_TESTS) $(FUZZ_TESTS) fuzzers $(TEST_TOOLS) $(BENCHES) $(LINKED_TOOLS) ## Build the tests

$(UNIT_TESTS): $(call helpers,unit)
$(BPF_TESTS): $(call helpers,bpf)
$(BPF_TESTS) $(FUZZ_TESTS) $(call helpers,bpf): | $(SKELETONS)
$(FUZZ_TESTS): $(call objects,$(addprefix tests/fuzz/,frame.c captures.c corpus.c mutate.c))
$(UNIT_TESTS) $(BPF_TESTS) $(FUZZ_TESTS): $(BUILD)/tests/%: tests/%.c $(LIBRARY) $(BUILD)/flags | build/dependencies-test
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) $(LINK_HARDEN) -Wl,--as-needed $(LDFLAGS) -MMD -MP -MF $@.d -MT $@ \
		-o $@ $(filter %.c %.o,$^) $(LIBRARY) $(CMOCKA_FLAGS) $(LIBS)

$(TEST_TOOLS): build/tests/tools/%: tests/e2e/tools/%.c
	$(call say,TOOL,$<)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 $(CFLAGS) $(WARNINGS) -D_GNU_SOURCE $(LDFLAGS) -o $@ $< -lm $(LDLIBS)

# Tools that run a module of the monitor itself, with a test in its application's place.
$(LINKED_TOOLS): $(BUILD)/tests/%: tests/%.c $(LIBRARY) $(BUILD)/flags
	$(call say,TOOL,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) $(LINK_HARDEN) -Wl,--as-needed $(LDFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(LIBRARY) $(LIBS)

# --- fuzzers: by clang, with sanitizers of its own; a directory of inputs each, which grows ---

FUZZ_SECONDS ?= 60
# The programs read words where they lie, as the processors that run them can.
FUZZ_HARDEN := -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined -fno-omit-frame-pointer
COMPILE_FUZZ = $(CLANG) -std=gnu11 -O1 -g $(FUZZ_HARDEN) $(filter-out -Wno-format-truncation,$(WARNINGS)) -D_GNU_SOURCE \
	       -DFLOWGAUGE_VERSION=\"$(VERSION)\" $(INCLUDES) -Ibpf $(PACKAGE_CFLAGS)

fuzzers: $(FUZZERS) build/fuzz/corpus/made

$(call objects,$(addprefix tests/fuzz/,frame.c captures.c corpus.c mutate.c write_corpus.c)) $(FUZZ_TESTS): private INCLUDES += -Ibpf

build/fuzz/%.o: %.c | build/dependencies-test $(SKELETONS) $(WEB_INDEX)
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE_FUZZ) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/libfuzzed.a: $(patsubst %.c,build/fuzz/%.o,$(FUZZED_SOURCES))
	$(Q)rm -f $@ && ar rcs $@ $^

$(FUZZERS): build/fuzz/%: build/fuzz/tests/fuzz/%.o build/fuzz/libfuzzed.a
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(FUZZ_HARDEN) -fsanitize=fuzzer -o $@ $^ -Wl,--as-needed $(LIBS)

build/fuzz/write_corpus: $(call objects,$(addprefix tests/fuzz/,write_corpus.c captures.c frame.c)) $(LIBRARY)
	$(Q)mkdir -p $(@D) && $(LINK) -o $@ $^ $(LIBS)

build/fuzz/corpus/made: build/fuzz/write_corpus tests/fuzz/seeds.py
	$(Q)mkdir -p $(@D)/fuzz_parse && $< $(@D)/fuzz_parse $(or $(FLOWGAUGE_PCAPS),../shared/pcaps) && $(PYTHON) tests/fuzz/seeds.py $(@D)
	@touch $@

# Theirs alone: what they are made from is compiled as for everything else.
$(BENCHES) $(BENCH_OBJECTS): private INCLUDES += -Ibuild/bench
$(BENCHES) $(BENCH_OBJECTS): | $(SKELETONS) $(BENCH_BPF:.bpf.o=.skel.h)
$(BENCHES): $(BUILD)/bench/%: bench/%.c $(BENCH_OBJECTS) $(LIBRARY) $(BUILD)/flags
	$(call say,BENCH,$<)
	$(Q)mkdir -p $(@D) && $(COMPILE) $(LINK_HARDEN) -Wl,--as-needed $(LDFLAGS) -MMD -MP -MF $@.d -MT $@ \
		-o $@ $< $(BENCH_OBJECTS) $(LIBRARY) $(LIBS)

need-root:
	@[ "$$(id -u)" = 0 ] || { echo "make: not root: BPF programs and network namespaces need it: use sudo make $(MAKECMDGOALS)" >&2; exit 2; }

check: need-root ## Install what is missing, build and run every test (as root; SUITES="unit model bpf fuzz e2e web", SANITIZE=1)
	@scripts/dependencies.sh install test
	@$(MAKE) --no-print-directory all tests
	@$(PYTHON) tests/run.py --build $(BUILD) $(SUITES)

fuzz: need-root fuzzers $(FUZZ_TESTS) ## Fuzz what reads packets, files and requests (as root; FUZZ_SECONDS=60 in all)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tests/run.py --build $(BUILD) fuzz

bench: need-root all $(TEST_TOOLS) $(BENCHES) | build/dependencies-test ## Measure what it costs (as root; BENCH="packet veth" chooses parts, BENCH_ARGS="--help" lists the rest)
	@FLOWGAUGE_BUILD=$(BUILD) $(PYTHON) bench/bench.py $(BENCH_ARGS) $(BENCH)

start: need-root ## Install what is missing, build, and start the monitor on this terminal (as root; ARGS="-i eth0")
	@scripts/dependencies.sh install build
	@$(MAKE) --no-print-directory all
	@echo "page http://127.0.0.1:8080/, metrics http://127.0.0.1:8080/metrics (unless config.json says otherwise)"
	@exec ./monitor_controller start $(ARGS)

# --- looking after the sources ---

# Left to others that know better: leaks after realloc (memleak; the sanitizers' business), and structs that a function
# fills (ctuuninitvar). The macros of libraries are told, as their headers are not read.
CPPCHECK_FLAGS := --quiet --std=c11 --library=posix --enable=warning,performance --inline-suppr -j 2 --error-exitcode=1 \
	$(addprefix --suppress=,missingIncludeSystem ctuuninitvar memleak) \
	-Iinclude -Iuser -D_GNU_SOURCE '-DFLOWGAUGE_VERSION="$(VERSION)"' \
	'-DLIBBPF_OPTS(type,name,...)=struct type name = { __VA_ARGS__ }' \
	'-DcJSON_ArrayForEach(item,array)=while ((item = (array)->child))'

lint: compile_commands.json $(SKELETONS) $(WEB_INDEX) ## Check format, layers, man pages and, with two analysers, the code
	@scripts/dependencies.sh check lint
	$(call say,LINT,layers and lengths)
	$(Q)$(PYTHON) scripts/layers.py
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(call say,LINT,mandoc)
	$(Q)mandoc -T lint -W warning $(MAN_PAGES)
	$(call say,LINT,cppcheck)
	$(Q)cppcheck $(CPPCHECK_FLAGS) user
	$(call say,LINT,clang-tidy)
	$(Q)printf '%s\n' $(USER_SOURCES) | xargs -P 2 -n 4 clang-tidy --quiet -p . 2>build/clang-tidy.log || \
		{ cat build/clang-tidy.log >&2; exit 1; }

format: ## Format the C sources in place
	$(Q)clang-format -i $(C_FILES)

compile_commands.json: FORCE | build/dependencies ## Write the compilation database for editors and analysers
	$(Q)$(PYTHON) scripts/compile_commands.py '$(subst -Ibuild/bpf,-isystem build/bpf,$(filter-out $(CUT_ON_PURPOSE),$(COMPILE))) -Ibuild/bench' \
		$(filter-out %.bpf.c %.h bpf/%,$(C_FILES)) >$@

# --- installation ---

install: all ## Install programs, man pages, schema, systemd unit and group (DESTDIR, PREFIX=/usr/local)
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(MANDIR)/man5 $(MANDIR)/man8 $(DATADIR)/examples $(UNITDIR) $(SYSUSERDIR) $(CONFIGDIR))
	install -m 755 build/flowgauge build/monitor_controller $(DESTDIR)$(SBINDIR)
	install -m 644 $(filter %.5,$(MAN_PAGES)) $(DESTDIR)$(MANDIR)/man5
	install -m 644 $(filter %.8,$(MAN_PAGES)) $(DESTDIR)$(MANDIR)/man8
	install -m 644 docs/config.schema.json $(DESTDIR)$(DATADIR)
	install -m 644 $(wildcard docs/examples/*.json) $(DESTDIR)$(DATADIR)/examples
	sed 's|/usr/local/sbin|$(SBINDIR)|; s|/etc/flowgauge|$(CONFIGDIR)|' deploy/flowgauge.service >$(DESTDIR)$(UNITDIR)/flowgauge.service
	chmod 644 $(DESTDIR)$(UNITDIR)/flowgauge.service
	install -m 644 deploy/flowgauge.sysusers $(DESTDIR)$(SYSUSERDIR)/flowgauge.conf
	[ -e $(DESTDIR)$(CONFIGDIR)/config.json ] || install -m 644 config.json $(DESTDIR)$(CONFIGDIR)
	@[ -n "$(DESTDIR)" ] || echo "to run it as a service: systemd-sysusers && systemctl daemon-reload && systemctl enable --now flowgauge"

uninstall: ## Remove what install put there; the configuration stays
	rm -f $(addprefix $(DESTDIR)$(SBINDIR)/,flowgauge monitor_controller)
	rm -f $(patsubst docs/man/%,$(DESTDIR)$(MANDIR)/man5/%,$(filter %.5,$(MAN_PAGES)))
	rm -f $(patsubst docs/man/%,$(DESTDIR)$(MANDIR)/man8/%,$(filter %.8,$(MAN_PAGES)))
	rm -f $(DESTDIR)$(UNITDIR)/flowgauge.service $(DESTDIR)$(SYSUSERDIR)/flowgauge.conf
	rm -rf $(DESTDIR)$(DATADIR)
	@[ ! -e $(DESTDIR)$(CONFIGDIR) ] || echo "kept: $(DESTDIR)$(CONFIGDIR)"

clean: ## Remove everything made
	rm -rf build flowgauge monitor_controller compile_commands.json

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z_.]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: V=1 shows commands; SANITIZE=1 builds with address and undefined-behaviour sanitizers under"
	@echo "  build/sanitize; WERROR= lets warnings pass; CC, CLANG, CFLAGS, LDFLAGS, DESTDIR, PREFIX as usual."

-include $(USER_OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(BPF_TESTS:=.d) $(FUZZ_TESTS:=.d) $(BENCHES:=.d) $(BENCH_OBJECTS:.o=.d) $(LINKED_TOOLS:=.d) \
	 $(patsubst %.o,%.d,$(call helpers,unit) $(call helpers,bpf) $(call helpers,fuzz)) \
	 $(patsubst %.c,build/fuzz/%.d,$(FUZZED_SOURCES) $(wildcard tests/fuzz/fuzz_*.c))
