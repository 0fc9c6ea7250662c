# Pli.  `make help` lists the targets; everything is built below $(B).
#
# The room law: each folder of src/ is a room and may include only headers of itself and of the
# rooms on its line.  The compiler is given exactly these folders, so a forbidden include does not
# compile; `make headers` proves that every header stands alone under the same law.
USES_base     :=
USES_io       := base
USES_proto    := base io
USES_store    := base io proto
USES_cert     := base io proto store
USES_identity := base io proto store cert
USES_policy   := base
USES_office   := base io store cert identity policy
USES_doors    := base io proto identity office
USES_courier  := base io proto
USES_mail     := base io proto
USES_prog     := base io proto store cert identity policy office doors courier mail

# A part of the house can be built alone, without the fuzz targets: make ROOMS='base io' unit
ALL_ROOMS := base io proto store cert identity policy office doors courier mail prog
ROOMS ?= $(ALL_ROOMS)

B    ?= build
CC   ?= gcc
MODE ?= release
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
PREFIX  ?= /usr/local
# Sanitizers make gcc see ghosts: there its warnings stay warnings.
WERROR  ?= $(if $(filter release,$(MODE)),-Werror)
FUZZ_SECONDS ?= 60

ifeq ($(origin CC),default)
CC := gcc
endif
# V=1 shows the whole commands.
V ?= 0
ifeq ($(V),0)
Q = @echo '  $(1)	$(2)';
endif
ifeq ($(MODE),fuzz)
CC := clang
endif

# ---------------------------------------------------------------------------------- flags
WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings -Wundef $(WERROR)
HARD := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection
ifeq ($(shell uname -m),x86_64)
HARD += -fcf-protection
endif
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
OPT_release := -O2 $(HARD)
OPT_asan    := -O1 $(SAN_asan)
OPT_tsan    := -O1 $(SAN_tsan)
OPT_fuzz    := -O1 $(SAN_fuzz)
ifndef OPT_$(MODE)
$(error MODE is release, asan, tsan or fuzz, not '$(MODE)')
endif

DIALECT := -std=gnu17 -D_GNU_SOURCE -pthread -fPIE -g
CFLAGS_ALL = $(DIALECT) $(OPT_$(MODE)) $(WARN) -MMD -MP -isystem third_party/llhttp $(CFLAGS)
LDFLAGS_ALL = -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SAN_$(MODE)) $(LDFLAGS)
BANNED := -include src/base/banned.h
# GMime's headers are for the room that reads strangers' mail; they come before the ban, which they would break.
GMIME := $(patsubst -I%,-isystem %,$(filter -I%,$(shell pkg-config --cflags-only-I gmime-3.0 2>/dev/null)))
# The functions of PKCS#11 tokens, a header; their libraries are loaded at run time.
P11 := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I p11-kit-1 2>/dev/null))
LIBS := -lssl -lcrypto -lsodium -lsqlite3 -ljansson -lcmark -lidn2 -lunistring -lseccomp -lcurl -lresolv -lz -lnghttp2 \
	-lgmime-3.0 -lgobject-2.0 -lglib-2.0 -lqrencode

# ---------------------------------------------------------------------------------- what there is
# Every mode has objects of its own; the released program is $(B)/pli.
ifeq ($(MODE),release)
D := $(B)
else
D := $(B)/$(MODE)
endif
GEN      := $(B)/gen
GEN_BASE := $(GEN)/base/web.c $(GEN)/base/web.h
quote     = -iquote src/$(1) -iquote $(GEN)/$(1)
room_of   = $(call quote,$(1)) $(foreach r,$(USES_$(1)),$(call quote,$(r)))
LIBRARY_mail = $(GMIME) -include gmime/gmime.h
LIBRARY_cert = $(P11)
ALL_QUOTE = $(foreach r,$(ROOMS),$(call quote,$(r)))

SOURCES := $(foreach r,$(ROOMS),$(filter-out %_test.c,$(wildcard src/$(r)/*.c)))
TESTS   := $(foreach r,$(ROOMS),$(wildcard src/$(r)/*_test.c))
HEADERS := $(foreach r,$(ROOMS),$(wildcard src/$(r)/*.h))
LLHTTP  := $(wildcard third_party/llhttp/*.c)
FUZZERS ?= $(if $(filter-out $(ROOMS),$(ALL_ROOMS)),,$(filter-out fuzz/replay.c,$(wildcard fuzz/*.c)))
WEB     := $(shell find web schema \( -type f -o -type d \) -print 2>/dev/null)

OBJECTS := $(SOURCES:src/%.c=$(D)/obj/%.o) $(D)/obj/base/web.o $(LLHTTP:third_party/%.c=$(D)/obj/%.o)
LIB_OBJECTS := $(filter-out $(D)/obj/prog/main.o,$(OBJECTS))
UNIT    := $(foreach t,$(TESTS),$(D)/test/$(basename $(notdir $(t))))
REPLAYS := $(FUZZERS:fuzz/%.c=$(D)/fuzz-replay/%)
FUZZ    := $(FUZZERS:fuzz/%.c=$(D)/fuzz/%)

# ---------------------------------------------------------------------------------- targets
.PHONY: all help run test unit deps test-deps demo-reset bench fuzz fuzz-build asan tsan headers \
	lint format-check install man crash clean test-build libs
.DELETE_ON_ERROR:
.SUFFIXES:

ifneq ($(filter $(D)/obj/prog/main.o,$(OBJECTS)),)
all: $(D)/pli
else
all: $(D)/libpli.a
endif

help:
	@echo 'make            build/pli, optimised and hardened'
	@echo 'make run        packages, build, a demo instance, serve it on https://localhost:8443'
	@echo 'make demo-reset throw the demo instance away'
	@echo 'make test       packages, build, every test; ends with "N passed, N failed"'
	@echo 'make unit       unit tests and fuzz replays only (ROOMS="base io" for a part)'
	@echo 'make deps | test-deps   packages for building and running | for testing'
	@echo 'make bench      one figure a line'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS each'
	@echo 'make asan tsan  unit tests and fuzz replays under the sanitizers'
	@echo 'make headers lint   the room law; static checks'
	@echo 'make man        manual pages and shell completions, in $(B)/share'
	@echo 'make install DESTDIR= PREFIX=/usr/local'

run:
	@tools/deps run
	@MAKE='$(MAKE)' tools/build $(JOBS) MODE=release B=$(B) all
	@PLI=$(B)/pli tools/run-demo

demo-reset:
	@PLI=$(B)/pli tools/run-demo --reset

deps:
	@tools/deps run

test-deps:
	@tools/deps run
	@tools/deps test

test:
	@tools/deps run
	@tools/deps test
	@MAKE='$(MAKE)' tools/build $(JOBS) test-build
	@B=$(D) PLI=$(D)/pli t/run

unit: test-build
	@B=$(D) PLI=$(D)/pli t/run --unit

asan tsan:
	@$(MAKE) --no-print-directory MODE=$@ unit

test-build: all $(UNIT) $(REPLAYS)

bench: all $(D)/libpli.a
	@tools/deps bench || echo 'bench: going on without the peers'
	@B=$(D) PLI=$(D)/pli bench/run

crash: all
	@B=$(D) PLI=$(D)/pli t/run --crash

fuzz:
	@$(MAKE) --no-print-directory MODE=fuzz fuzz-build
	@B=$(B)/fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz $(notdir $(basename $(FUZZERS)))

fuzz-build: $(FUZZ)

# For tests that link an altered program.
libs:
	@echo $(LIBS)

headers: $(GEN)/base/web.h
	@for cc in $(CC) clang; do \
		command -v $$cc >/dev/null || { echo "headers: no $$cc here, left out"; continue; }; \
		$(foreach r,$(ROOMS),for h in src/$(r)/*.h; do [ -e $$h ] || continue; \
			$$cc $(DIALECT) $(WARN) -Wno-pragma-once-outside-header -Wno-unused-function \
			-isystem third_party/llhttp $(LIBRARY_$(r)) $(BANNED) $(call room_of,$(r)) -fsyntax-only \
			-x c $$h || exit 1; done;) \
		echo "headers: $(words $(HEADERS)) stand alone under $$cc"; done

lint:
	@tools/lint

format-check:
	@clang-format --dry-run $(HEADERS) $(SOURCES) $(TESTS)

# What comes of the program's own tables.
$(B)/share/.made: $(D)/pli
	@mkdir -p $(@D)
	$(call Q,SHARE,$(@D)) $(D)/pli man >$(@D)/pli.1 && $(D)/pli man pli.conf >$(@D)/pli.conf.5 && \
		$(D)/pli completion bash >$(@D)/pli.bash && $(D)/pli completion zsh >$(@D)/_pli && \
		$(D)/pli completion fish >$(@D)/pli.fish && touch $@

man: $(B)/share/.made

DATA = $(DESTDIR)$(PREFIX)/share
# Where the service manager looks: the distribution's place when that is the prefix, the administrator's otherwise.
UNITS = $(DESTDIR)$(if $(filter /usr,$(PREFIX)),/usr/lib,/etc)
install: all $(B)/share/.made
	install -d $(DESTDIR)$(PREFIX)/bin $(DATA)/man/man1 $(DATA)/man/man5 $(DATA)/doc/pli \
		$(DATA)/bash-completion/completions $(DATA)/zsh/site-functions $(DATA)/fish/vendor_completions.d \
		$(UNITS)/systemd/system $(UNITS)/sysusers.d
	install -m 755 $(D)/pli $(DESTDIR)$(PREFIX)/bin/pli
	install -m 644 $(B)/share/pli.1 $(DATA)/man/man1/pli.1
	install -m 644 $(B)/share/pli.conf.5 $(DATA)/man/man5/pli.conf.5
	install -m 644 $(B)/share/pli.bash $(DATA)/bash-completion/completions/pli
	install -m 644 $(B)/share/_pli $(DATA)/zsh/site-functions/_pli
	install -m 644 $(B)/share/pli.fish $(DATA)/fish/vendor_completions.d/pli.fish
	sed 's,@BIN@,$(PREFIX)/bin,g' system/pli@.service >$(B)/share/pli@.service
	install -m 644 $(B)/share/pli@.service $(UNITS)/systemd/system/pli@.service
	install -m 644 system/pli.sysusers $(UNITS)/sysusers.d/pli.conf
	install -m 644 README.md ARCHITECTURE.md CHANGELOG.md LICENSE doc/*.md $(DATA)/doc/pli/
	install -m 644 third_party/llhttp/LICENSE-MIT $(DATA)/doc/pli/LICENSE-llhttp
	install -m 644 third_party/gentium/OFL.txt $(DATA)/doc/pli/LICENSE-gentium

clean:
	rm -rf $(B)

# ---------------------------------------------------------------------------------- rules
# A route that nobody wrote expectations for does not build.
$(B)/routes.ok: src/doors/route.c src/doors/openapi_table.c t/routes.tsv tools/routes
	@mkdir -p $(@D)
	$(call Q,ROUTES,t/routes.tsv) tools/routes && touch $@

$(D)/pli: $(OBJECTS) $(B)/routes.ok
	$(call Q,LINK,$@) $(CC) $(LDFLAGS_ALL) -o $@ $(OBJECTS) $(LIBS)

$(D)/libpli.a: $(LIB_OBJECTS)
	@rm -f $@
	$(call Q,AR,$@) $(AR) rcs $@ $^

# Objects of a room: only its own law on the include path.  Tests may look everywhere.
define room_rules
$(D)/obj/$(1)/%.o: src/$(1)/%.c | $(GEN)/base/web.h
	@mkdir -p $$(@D)
	$$(call Q,CC,$$<) $$(CC) $$(CFLAGS_ALL) $$(LIBRARY_$(1)) $$(BANNED) $$(call room_of,$(1)) -c -o $$@ $$<

$(D)/test/%: src/$(1)/%.c $(D)/libpli.a
	@mkdir -p $$(@D)
	$$(call Q,TEST,$$<) $$(CC) $$(CFLAGS_ALL) -iquote src/$(1) $$(ALL_QUOTE) $$(LDFLAGS_ALL) -MF $$@.d -o $$@ $$< \
		$(D)/libpli.a -lcmocka $$(LIBS)
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

# These tests have clocks of their own.
$(D)/test/deadline_test: private LDFLAGS_ALL += -Wl,--wrap=clock_now_us -Wl,--wrap=clock_boot_us
# What it has chosen becomes another thing before it opens it.
$(D)/test/host_backup_test: private LDFLAGS_ALL += -Wl,--wrap=lstat

# The types of problems that the source names, for the API's description.
$(GEN)/doors/problem_types.h: tools/problems $(foreach r,proto store cert identity policy office doors,$(wildcard src/$(r)/*.c))
	@mkdir -p $(@D)
	$(call Q,TYPES,$@) tools/problems >$@.new && { cmp -s $@.new $@ && touch $@ || mv $@.new $@; }
$(D)/obj/doors/openapi.o: $(GEN)/doors/problem_types.h

$(D)/obj/base/web.o: $(GEN)/base/web.c
	@mkdir -p $(@D)
	$(call Q,CC,$<) $(CC) $(CFLAGS_ALL) $(call room_of,base) -c -o $@ $<

# Frozen third-party code, see third_party/llhttp/README.md; our warnings do not apply to it.
$(D)/obj/llhttp/%.o: third_party/llhttp/%.c
	@mkdir -p $(@D)
	$(call Q,CC,$<) $(CC) $(DIALECT) $(OPT_$(MODE)) -w -DLLHTTP_STRICT_MODE=1 -Ithird_party/llhttp -MMD -MP -c -o $@ $<

# Templates, translations, assets and schema, compiled by the generator (src/base/README.md).
$(B)/tools/embed: $(wildcard tools/embed*.c tools/embed*.h) src/base/web_table.h
	@mkdir -p $(@D)
	$(call Q,TOOL,$@) $(CC) -std=gnu17 -D_GNU_SOURCE -O1 -g $(filter-out -Werror,$(WARN)) $(WERROR) -iquote src/base \
		-o $@ $(filter %.c,$^) -lcrypto -lz

$(GEN)/base/web.c: $(B)/tools/embed $(WEB)
	@mkdir -p $(@D)
	$(call Q,EMBED,$@) $(B)/tools/embed web schema $(GEN)/base
$(GEN)/base/web.h: $(GEN)/base/web.c ;

# The templates' own test runs on templates of its own.
$(GEN)/fixture/web.c: $(B)/tools/embed $(shell find src/base/testdata -type f 2>/dev/null)
	@mkdir -p $(@D)
	$(call Q,EMBED,$@) $(B)/tools/embed src/base/testdata/web src/base/testdata/schema $(GEN)/fixture

$(D)/test/template_test: src/base/template_test.c $(GEN)/fixture/web.c $(D)/libpli.a
	@mkdir -p $(@D)
	$(call Q,TEST,$<) $(CC) $(CFLAGS_ALL) -iquote $(GEN)/fixture -iquote src/base $(LDFLAGS_ALL) \
		-MF $@.d -o $@ $< $(GEN)/fixture/web.c $(D)/libpli.a -lcmocka $(LIBS)

$(D)/fuzz-replay/%: fuzz/%.c fuzz/replay.c $(D)/libpli.a
	@mkdir -p $(@D)
	$(call Q,REPLAY,$<) $(CC) $(CFLAGS_ALL) $(ALL_QUOTE) $(LDFLAGS_ALL) -MF $@.d -o $@ fuzz/$*.c fuzz/replay.c \
		$(D)/libpli.a $(LIBS)

$(D)/fuzz/%: fuzz/%.c $(D)/libpli.a
	@mkdir -p $(@D)
	$(call Q,FUZZ,$<) $(CC) $(CFLAGS_ALL) $(ALL_QUOTE) $(LDFLAGS_ALL) -fsanitize=fuzzer,address,undefined -MF $@.d \
		-o $@ $< $(D)/libpli.a $(LIBS)

-include $(OBJECTS:.o=.d) $(wildcard $(D)/test/*.d $(D)/fuzz/*.d $(D)/fuzz-replay/*.d)
