#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What flowgauge needs to be built, tested and linted, and how the distributions call it. One table serves for asking
# and for installing, so that the two cannot differ.
#
#   dependencies.sh check build|test|lint     one line for each thing missing; status 1 if there is one
#   dependencies.sh install build|test|lint   installs what is missing, as root, by apt-get or dnf
#   dependencies.sh path bpftool              where a bpftool that works is
set -u

# kind and name | Debian and Ubuntu | Fedora | sets that need it
table() {
	cat <<-'END'
	command gcc|gcc libc6-dev|gcc glibc-devel kernel-headers|build test lint
	command make|make|make|build test lint
	command pkg-config|pkg-config|pkgconf-pkg-config|build test lint
	command clang|clang|clang|build test lint
	command /usr/bin/python3|python3|python3|build test lint
	bpftool bpftool|bpftool|bpftool|build test lint
	library libbpf|libbpf-dev|libbpf-devel|build test lint
	library libmnl|libmnl-dev|libmnl-devel|build test lint
	library libpcap|libpcap-dev|libpcap-devel|build test lint
	library libmicrohttpd|libmicrohttpd-dev|libmicrohttpd-devel|build test lint
	library libcurl|libcurl4-openssl-dev|libcurl-devel|build test lint
	library libcjson|libcjson-dev|cjson-devel|build test lint
	library ncursesw|libncurses-dev|ncurses-devel|build test lint
	library zlib|zlib1g-dev|zlib-devel|build test lint
	library libcap|libcap-dev|libcap-devel|build test lint
	library libpcap|libpcap-dev|libpcap-devel|build test lint
	library cmocka|libcmocka-dev|libcmocka-devel|test lint
	command spin|spin|spin|test
	fuzzer clang|libclang-rt-dev|compiler-rt|test
	command ip|iproute2|iproute|test
	command tc|iproute2|iproute-tc|test
	command ping|iputils-ping|iputils|test
	command fping|fping|fping|test
	command ss|iproute2|iproute|test
	command sysctl|procps|procps-ng|test
	command capsh|libcap2-bin|libcap|test
	command setpriv|util-linux|util-linux|test
	command taskset|util-linux|util-linux|test
	command lscpu|util-linux|util-linux|test
	command ethtool|ethtool|ethtool|test
	command curl|curl|curl|test
	command jq|jq|jq|test
	command tshark|tshark|wireshark-cli|test
	command iperf3|iperf3|iperf3|test
	command tmux|tmux|tmux|test
	command prometheus|prometheus|golang-github-prometheus|test
	command promtool|prometheus|golang-github-prometheus|test
	command prometheus-pushgateway|prometheus-pushgateway|golang-github-prometheus-pushgateway|test
	command nginx|nginx-light|nginx|test
	command openssl|openssl|openssl|test
	command docker-compose|docker-compose|docker-compose|test
	openstack services|python3-keystone python3-gnocchi uwsgi-core uwsgi-plugin-python3 postgresql|-|test
	module pytest|python3-pytest|python3-pytest|test
	module jsonschema|python3-jsonschema|python3-jsonschema|test
	module scapy|python3-scapy|python3-scapy|test
	browser chromium|chromium chromium-driver|chromium chromedriver|test
	module yaml|python3-yaml|python3-pyyaml|test
	command clang-format|clang-format|clang-tools-extra|lint
	command clang-tidy|clang-tidy|clang-tools-extra|lint
	command cppcheck|cppcheck|cppcheck|lint
	command mandoc|mandoc|mandoc|lint
	END
}

LIBBPF_LEAST=1.0
CLANG_LEAST=14

# Ubuntu's /usr/sbin/bpftool is a wrapper that fails when the running kernel has no tools package of its own.
bpftool_path() {
	local candidate
	for candidate in "$(command -v bpftool)" /usr/sbin/bpftool /usr/lib/linux-tools*/bpftool /usr/lib/linux-tools*/*/bpftool; do
		[ -x "$candidate" ] && "$candidate" version >/dev/null 2>&1 && echo "$candidate" && return 0
	done
	return 1
}

# clang comes without the library that fuzzers and sanitizers need.
fuzzer_works() {
	echo 'int LLVMFuzzerTestOneInput(const char *bytes, unsigned long size) { return bytes && size > 1e9; }' |
		clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null
}

is_there() {
	case $1 in
	command) command -v "$2" >/dev/null ;;
	library) pkg-config --exists "$2" 2>/dev/null ;;
	module) /usr/bin/python3 -c "import $2" 2>/dev/null ;;
	bpftool) bpftool_path >/dev/null ;;
	fuzzer) fuzzer_works ;;
	browser) browser_is_there ;;
	openstack) openstack_is_there ;;
	esac
}

debian_package() {
	# shellcheck disable=SC1091
	if [ "$1" = bpftool ] && . /etc/os-release && [ "$ID" = ubuntu ]; then
		echo linux-tools-generic
	else
		echo "$1"
	fi
}

# What is there, but too old to work with.
too_old() {
	local version
	if is_there library libbpf && ! pkg-config --atleast-version=$LIBBPF_LEAST libbpf; then
		echo "libbpf $(pkg-config --modversion libbpf) is too old: version $LIBBPF_LEAST or later is needed (Debian 12, Ubuntu 24.04, Fedora 38 and later have it)"
	fi
	if is_there command clang; then
		version=$(clang -dumpversion)
		[ "${version%%.*}" -ge $CLANG_LEAST ] ||
			echo "clang $version is too old: version $CLANG_LEAST or later is needed to compile the BPF programs"
	fi
}

# Ubuntu has it as a snap alone, which does not run in a network namespace: there the tests of the page are skipped.
browser_is_there() {
	# shellcheck disable=SC1091
	(. /etc/os-release && [ "$ID" = ubuntu ]) || { command -v chromium && command -v chromedriver; } >/dev/null
}

# Fedora has no Gnocchi, and Ubuntu has given it up: there the tests against the real services are skipped. These packages are
# the programs alone, without the ones that start them as services; PostgreSQL is told not to make a database of its own.
openstack_is_there() {
	# shellcheck disable=SC1091
	(. /etc/os-release && [ "$ID" != debian ]) || { command -v keystone-manage && command -v gnocchi-upgrade &&
		command -v uwsgi && ls /usr/lib/uwsgi/plugins/python3_plugin.so /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1
}

# A cluster that PostgreSQL's package would make, and start, is not wanted: tests make their own.
without_cluster() {
	[ ! -e /etc/postgresql-common/createcluster.conf ] || return 0
	mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
}

# Rows of the table that the set needs and the machine lacks: kind name|debian|fedora
missing() {
	local what debian fedora sets kind name
	while IFS='|' read -r what debian fedora sets; do
		[[ " $sets " == *" $1 "* ]] || continue
		read -r kind name <<<"$what"
		is_there "$kind" "$name" || echo "$name|$(debian_package "$debian")|$fedora"
	done < <(table)
}

check() {
	local name debian fedora line status=0
	while IFS='|' read -r name debian fedora; do
		echo "missing: $name: install $debian (Debian, Ubuntu) or $fedora (Fedora), or run scripts/dependencies.sh install $1 as root" >&2
		status=1
	done < <(missing "$1")
	while read -r line; do
		echo "$line" >&2
		status=1
	done < <(too_old)
	return $status
}

install_packages() {
	if command -v apt-get >/dev/null; then
		mapfile -t packages < <(missing "$1" | cut -d'|' -f2 | tr ' ' '\n' | sort -u)
		echo "installing by apt-get: ${packages[*]}"
		[ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] || apt-get -q update || return 1
		[[ " ${packages[*]} " != *" postgresql "* ]] || without_cluster
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}" ||
			{ apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"; }
	elif command -v dnf >/dev/null; then
		mapfile -t packages < <(missing "$1" | cut -d'|' -f3 | tr ' ' '\n' | sort -u)
		echo "installing by dnf: ${packages[*]}"
		dnf install -qy "${packages[@]}"
	else
		echo "dependencies.sh: neither apt-get nor dnf is here: install by hand what \"dependencies.sh check $1\" names" >&2
		return 1
	fi
}

install_missing() {
	[ -n "$(missing "$1")" ] || { check "$1"; return; }
	if [ "$(id -u)" != 0 ]; then
		check "$1"
		echo "dependencies.sh: not root: installing packages needs it" >&2
		return 1
	fi
	install_packages "$1" && check "$1"
}

usage() {
	echo "usage: dependencies.sh check|install build|test|lint, or dependencies.sh path bpftool" >&2
	exit 2
}

[ $# = 2 ] || usage
case "$1 $2" in
"check build" | "check test" | "check lint") check "$2" ;;
"install build" | "install test" | "install lint") install_missing "$2" ;;
"path bpftool") bpftool_path || { echo "missing: a bpftool that works: see scripts/dependencies.sh check build" >&2; exit 1; } ;;
*) usage ;;
esac
