# SPDX-License-Identifier: BSD-2-Clause
"""docs/config.schema.json, the shipped config.json and the examples: the schema accepts them, it refuses what the
monitor refuses, and, where the monitor has been built, the monitor's --check-config says the same of each document."""
import json
import os
import pathlib
import subprocess

import pytest

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOWGAUGE = pathlib.Path(os.environ.get("FLOWGAUGE", ROOT / "build" / "flowgauge"))
SHIPPED = [ROOT / "config.json", *sorted((ROOT / "docs" / "examples").glob("*.json"))]

OPEN = {"listen": "0.0.0.0:8080"}
CLOUD = {"api": "gnocchi", "controller": "10.0.0.11", "username": "monitor", "project": "admin"}
PUSH = {"url": "http://127.0.0.1:9091"}
RIGHT = [
    {},
    {"RULES": ["1.1.1.1 2.2.2.2 - 22 TCP", "  -\t- - - - "], "EXAMPLE": {"any": ["thing"]}, "EXAMPLES": None},
    {"RULES": {"web": "- - - [80,443] TCP", "dns": "- - - 53 [TCP,UDP]"}},
    {"PATTERN": "0xFFFFFFFF"},
    {"PATTERN": "ffffffff", "OFFSET": -1},
    {"PATTERN": "0x0a", "OFFSET": 0},
    {"PATTERN": "0102030405060708", "OFFSET": 65535},
    {"PATTERN": "0xFFFFFFFFFF", "OFFSET": 1},
    {"OFFSET": 12, "SEQUENCE_THRESHOLD": 2147483647},
    {"DISPLAY": {"Throughput": "True", "Goodput": "false", "Jitter": True, "SEQ_ERRORS": False}},
    {"interfaces": ["eth0", "wlan*", "a.b", "...", "fifteen-letters"]},
    *({"hook": hook} for hook in ("auto", "xdp", "xdp-generic", "tc", "clsact")),
    *({"direction": direction} for direction in ("in", "out", "both")),
    {"max_flows": 1}, {"max_flows": 16777216}, {"max_flows": 1e3}, {"followed_flows": 1}, {"followed_flows": 16777216},
    {"idle_timeout_seconds": 1}, {"idle_timeout_seconds": 86400},
    {"interval_seconds": 0.1}, {"interval_seconds": 3600},
    *({"http": {"listen": address}} for address in
      ("127.0.0.1:1", "127.8.9.10:65535", ":9000", "localhost:80", "[::1]:80", "[0:0:0:0:0:0:0:1]:80", "[::ffff:127.0.0.1]:80")),
    {"http": OPEN | {"allow_unauthenticated": True}},
    {"http": OPEN | {"enabled": False}},
    {"http": {}}, {"metrics": {"max_flows": 0, "bpf_run_time": True}},
    {"control": {"socket": "/tmp/flowgauge.sock"}}, {"control": {"socket": "/" + 106 * "x"}},
    {"legacy_metrics": True},
    {"openstack": {}}, {"openstack": {"api": "off"}}, {"openstack": {"api": "off", "username": "x"}},
    {"openstack": CLOUD}, {"openstack": CLOUD | {"api": "ceilometer-v2", "meter": "sdn_at.edge-1", "user_id": "u"}},
    {"openstack": CLOUD | {"queue": 1, "timeout_seconds": 0.5e1, "resource_id": 200 * "r", "archive_policy": "low"}},
    {"openstack": {"api": "gnocchi", "auth_url": "https://a:5000/v3", "url": "http://[::1]:8041/metric", "username": "u",
                   "project": "p", "password_file": "/run/secret", "ca_file": "/etc/ca.pem"}},
    {"groups": []}, {"groups": [{"name": "all"}]},
    {"groups": [{"name": "a.B-c_9", "by": ["src/24", "dst/0/128", "sport", "dport", "protocol", "interface", "direction"], "limit": 10000},
                {"name": "web", "match": "- - - [80,443] TCP", "by": ["dst"], "limit": 1}]},
    {"pushgateway": PUSH},
    {"pushgateway": {"url": "https://[2001:db8::1]/a/b/", "job": "a/b", "instance": "", "grouping": {"site": "", "_x1": "a/b ü"},
                     "interval": 0.5e1, "method": "POST", "what": ["totals"], "gzip": False, "delete_on_exit": False,
                     "basic_auth": {"username": "u", "password_file": "/p"},
                     "tls": {"ca": "/ca", "cert": "/c", "key": "/k", "server_name": "push.example.org"}}},
    {"pushgateway": PUSH | {"grouping": {f"l{i}": "x" for i in range(16)}}},
    {"ping": {}}, {"ping": {"hosts": []}}, {"metrics": {"max_ping_histograms": 0}},
    {"ping": {"hosts": ["10.0.0.1", "::1", "example.org", {"host": "example.org", "name": "by the other way", "interface": "eth1"}]}},
    {"ping": {"interval": 0.01, "timeout": 10, "count": 1000, "size": 16, "dscp": 63, "ttl": 255, "interface": "a.b", "addresses": "all",
              "resolve_interval": 86400, "hosts": [{"host": "a", "interval": 3600, "timeout": 60, "count": 1, "size": 65507, "dscp": 0,
                                                    "ttl": 1, "addresses": "first", "resolve_interval": 1}]}},
    {"rtt": {"enabled": False}}, {"rtt": {"scope": "prefix", "max_flows": 1}}, {"metrics": {"max_pairs": 1}},
    {"rtt": {"scope": "flow", "max_flows": 16777216}, "metrics": {"max_pairs": 65536}},
    {"rate": {"enabled": False}},
    {"rate": {"sample_rate": 10, "estimation_interval": 0.2, "meter_interval": 0.1, "link_speed": 0.5, "cutoff": 0.001,
              "alarm_trigger": 0, "alarm_measured_trigger": 0}},
    {"rate": {"sample_rate": 10000, "estimation_interval": 2678400, "meter_interval": 86400, "link_speed": 100000000,
              "cutoff": 100, "alarm_trigger": 100, "alarm_measured_trigger": None}},
    {"rate": {"file": "/var/log/rates.json", "tcp": "collector.example:9000"}},
    {"rate": {"tcp": "[::1]:9000"}}, {"rate": {"tcp": "192.0.2.1:65535"}}, {"control": {"rate_port": 54736}},
]
WRONG = [
    [], "text", {"unknown": 1}, {"rules": []}, {"http": {"port": 1}}, {"DISPLAY": {"jitter": True}},
    {"metrics": {"flows": 1}}, {"control": {"path": "/x"}},
    {"RULES": "- - - - -"}, {"RULES": ["- - - -"]}, {"RULES": ["- - - [TCP, UDP]"]}, {"RULES": ["- - - - [TCP, UDP]"]}, {"RULES": {"a": 5}},
    {"RULES": ["- - - - - -"]}, {"RULES": ["- - - - [TCP,]"]}, {"RULES": [""]},
    {"RULES": 513 * ["- - - - -"]},
    {"PATTERN": "0x0a"}, {"PATTERN": "0x0a", "OFFSET": -1}, {"PATTERN": "0x0a1", "OFFSET": 1},
    {"PATTERN": "0x", "OFFSET": 1}, {"PATTERN": "0x010203040506070809", "OFFSET": 1}, {"PATTERN": 10, "OFFSET": 1},
    {"OFFSET": -2}, {"OFFSET": 65536}, {"OFFSET": 0.5}, {"OFFSET": "1"},
    {"SEQUENCE_THRESHOLD": 0}, {"SEQUENCE_THRESHOLD": 2147483648}, {"SEQUENCE_THRESHOLD": None},
    {"DISPLAY": {"Jitter": "yes"}}, {"DISPLAY": {"Jitter": 1}}, {"DISPLAY": True},
    {"interfaces": "eth0"}, {"interfaces": [""]}, {"interfaces": ["sixteencharacter"]}, {"interfaces": ["a b"]},
    {"interfaces": ["eth0,eth1"]}, {"interfaces": ["eth0:1"]}, {"interfaces": ["a/b"]}, {"interfaces": [".."]},
    {"interfaces": [1]}, {"interfaces": [f"eth{i}" for i in range(65)]},
    {"hook": "XDP"}, {"hook": None}, {"direction": "ingress"},
    {"max_flows": 0}, {"max_flows": 16777217}, {"max_flows": 1.5}, {"followed_flows": 0}, {"followed_flows": "all"}, {"max_flows": "1"},
    {"idle_timeout_seconds": 0.9}, {"idle_timeout_seconds": 86401},
    {"interval_seconds": 0.09}, {"interval_seconds": 3601},
    *({"http": {"listen": address}} for address in ("127.0.0.1", "8080", "::1:80", "[::1]", "example.org:80", "127.0.0.1:http")),
    {"http": {"listen": 8080}}, {"http": OPEN}, {"http": OPEN | {"allow_unauthenticated": False}},
    {"http": {"listen": "[::]:80", "enabled": True}}, {"http": {"enabled": "True"}},
    {"metrics": {"max_flows": -1}}, {"metrics": {"bpf_run_time": "True"}},
    {"control": {"socket": "run/x"}}, {"control": {"socket": "/" + 107 * "x"}}, {"control": "/x"},
    {"rate": {"sample_rate": 9}}, {"rate": {"sample_rate": 10001}}, {"rate": {"sample_rate": "1000"}},
    {"rate": {"estimation_interval": 0}}, {"rate": {"estimation_interval": 2678401}}, {"rate": {"meter_interval": None}},
    {"rate": {"sample_rate": 10, "estimation_interval": 0.1}},
    {"rate": {"link_speed": -1}}, {"rate": {"alarm_trigger": 101}}, {"rate": {"cutoff": 0}}, {"rate": {"cutoff": 101}},
    {"rate": {"alarm_measured_trigger": -1}}, {"rate": {"alarm_measured_trigger": "off"}}, {"rate": {"enabled": 1}},
    {"rate": {"file": "rates.json"}}, {"rate": {"file": "/" + 4096 * "x"}}, {"rate": {"file": None}}, {"rate": []},
    *({"rate": {"tcp": address}} for address in ("9000", "host", "host:0", "host:65536", ":9000", "::1:9000", "[::1]", "a b:1",
                                                 "http://host:9000", "host:9000/x")),
    {"rate": {"bogus": 1}}, {"control": {"rate_port": -1}}, {"control": {"rate_port": 65536}}, {"control": {"rate_port": 1.5}},
    {"legacy_metrics": 1},
    {"rtt": True}, {"rtt": {"enabled": 1}}, {"rtt": {"scope": "hosts"}}, {"rtt": {"scope": None}}, {"rtt": {"max_flows": 0}},
    {"rtt": {"max_flows": 16777217}}, {"rtt": {"max_pairs": 1}}, {"metrics": {"max_pairs": 65537}}, {"metrics": {"max_pairs": 0}},
    {"openstack": []}, {"openstack": {"username": "x"}}, {"openstack": {"api": "gnocchi"}}, {"openstack": CLOUD | {"api": "v3"}},
    {"openstack": CLOUD | {"password": "secret"}}, {"openstack": CLOUD | {"controller": "a b"}},
    {"openstack": CLOUD | {"controller": ""}}, {"openstack": CLOUD | {"url": "ftp://x"}},
    {"openstack": CLOUD | {"auth_url": "http://user:secret@x"}}, {"openstack": CLOUD | {"url": "http://"}},
    {"openstack": CLOUD | {"url": "http://a/?b"}}, {"openstack": CLOUD | {"resource_id": "a/b"}},
    {"openstack": CLOUD | {"resource_id": 201 * "r"}}, {"openstack": CLOUD | {"meter": "a/b"}},
    {"openstack": CLOUD | {"password_file": "secret"}}, {"openstack": CLOUD | {"username": ""}},
    {"openstack": CLOUD | {"username": "a\nb"}}, {"openstack": CLOUD | {"queue": 0}}, {"openstack": CLOUD | {"queue": 100001}},
    {"openstack": CLOUD | {"timeout_seconds": 0.5}}, {"openstack": CLOUD | {"timeout_seconds": 301}},
    {"openstack": {"api": "gnocchi", "controller": "c", "username": "u"}},
    {"openstack": {"api": "gnocchi", "auth_url": "http://c", "username": "u", "project": "p"}},
    {"groups": {}}, {"groups": [[]]}, {"groups": [{}]}, {"groups": [{"name": ""}]}, {"groups": [{"name": "a b"}]},
    {"groups": [{"name": 64 * "x"}]}, {"groups": [{"name": "a", "to": 1}]}, {"groups": [{"name": "a", "match": "- - - -"}]},
    {"groups": [{"name": "a", "by": "src"}]}, {"groups": [{"name": "a", "by": ["source"]}]},
    {"groups": [{"name": "a", "by": ["src/33"]}]}, {"groups": [{"name": "a", "by": ["src/24/129"]}]},
    {"groups": [{"name": "a", "by": ["src/"]}]}, {"groups": [{"name": "a", "by": ["src/24/"]}]},
    {"groups": [{"name": "a", "by": ["dport/8"]}]}, {"groups": [{"name": "a", "by": ["src", "src/24"]}]},
    {"groups": [{"name": "a", "limit": 0}]}, {"groups": [{"name": "a", "limit": 10001}]},
    {"groups": [{"name": f"g{i}"} for i in range(33)]},
    {"pushgateway": {"job": "x"}}, {"pushgateway": "http://a"}, {"pushgateway": PUSH | {"port": 1}},
    *({"pushgateway": {"url": url}} for url in ("push:9091", "ftp://push", "http://", "http://user:word@push", "http://push?x",
                                                "http://push:0", "http://push:65536", "http://a b", 9091)),
    {"pushgateway": PUSH | {"job": ""}}, {"pushgateway": PUSH | {"job": 256 * "x"}}, {"pushgateway": PUSH | {"instance": 1}},
    *({"pushgateway": PUSH | {"grouping": grouping}} for grouping in
      ({"a-b": "x"}, {"": "x"}, {"1a": "x"}, {"__a": "x"}, {"job": "x"}, {"instance": "x"}, {"interface": "x"}, {"a": 1}, [],
       {f"l{i}": "x" for i in range(17)})),
    {"pushgateway": PUSH | {"interval": 0.9}}, {"pushgateway": PUSH | {"interval": "10"}}, {"pushgateway": PUSH | {"method": "put"}},
    {"pushgateway": PUSH | {"what": []}}, {"pushgateway": PUSH | {"what": ["flows"]}}, {"pushgateway": PUSH | {"what": "rtt"}},
    *({"pushgateway": PUSH | {"basic_auth": auth}} for auth in
      ({}, {"username": "u"}, {"password_file": "/p"}, {"username": "u", "password": "p"}, {"username": "u", "password_file": "p"},
       {"username": "u:v", "password_file": "/p"}, "u:p")),
    *({"pushgateway": PUSH | {"tls": tls}} for tls in
      ({"cert": "/c"}, {"key": "/k"}, {"ca": "ca.pem"}, {"insecure": True}, {"server_name": "a b"}, {"server_name": ""})),
    {"pushgateway": PUSH | {"gzip": 1}}, {"pushgateway": PUSH | {"delete_on_exit": "yes"}},
    {"ping": []}, {"ping": {"host": ["a"]}}, {"ping": {"name": "a"}}, {"ping": {"hosts": "a"}}, {"ping": {"hosts": [1]}},
    {"ping": {"hosts": [""]}}, {"ping": {"hosts": ["a b"]}}, {"ping": {"hosts": [256 * "a"]}}, {"ping": {"hosts": [{"interval": 1}]}},
    {"ping": {"hosts": [{"host": "a", "name": ""}]}}, {"ping": {"hosts": [{"host": "a", "hosts": ["b"]}]}},
    {"ping": {"interval": 0.009}}, {"ping": {"interval": "1"}}, {"ping": {"timeout": 61}}, {"ping": {"count": 0}}, {"ping": {"count": 1.5}},
    {"ping": {"size": 15}}, {"ping": {"size": 65508}}, {"ping": {"dscp": 64}}, {"ping": {"ttl": 0}}, {"ping": {"ttl": 256}},
    {"ping": {"interface": "a b"}}, {"ping": {"interface": 1}}, {"ping": {"addresses": "some"}}, {"ping": {"resolve_interval": 0.5}},
    {"metrics": {"max_ping_histograms": 65537}},
]
LISTEN = [  # the schema's word on each is the monitor's
    "", ":", ":0", ":1", ":65535", ":65536", ":00080", ":080x", "localhost:80", "LOCALHOST:80", "127.0.0.1:80", "127.0.0.01:80",
    "127.0.0.256:80", "127.0.0:80", "127.1:80", "1.2.3.4.5:80", "::1:80", "[::1]:80", "[::1]80", "[::1", "[::01]:80", "[::00001]:80",
    "[0::1]:80", "[0:0:0:0:0:0:0:1]:80", "[0:0:0:0:0:0:0:0:1]:80", "[1:2:3:4:5:6:7::]:80", "[::2:3:4:5:6:7:8]:80", "[1::3:4:5:6:7:8]:80",
    "[1:2::4:5:6:7:8:9]:80", "[1::2::3]:80", "[:1]:80", "[1:]:80", "[]:80", "[::]:80", "[1:2:3:4:5:6:7:8]:80", "[1:2:3:4:5:6:1.2.3.4]:80",
    "[1:2:3:4:5:1.2.3.4]:80", "[::1.2.3.4]:80", "[::0.0.0.1]:80", "[::ffff:127.0.0.1]:80", "[::ffff:7f00:1]:80", "[::FFFF:7F01:1]:80",
    "[::ffff:7f0:1]:80", "[0:0:0:0:0:ffff:127.9.9.9]:80", "[0:0:0:0:ffff:127.9.9.9]:80", "[::ffff:0:7f00:1]:80", "[fe80::1%lo]:80",
    "[127.0.0.1]:80", "example.org:80", "10.0.0.1:80", "[12345::]:80", "[g::]:80", "[1:2:3:4:5:6:7:1.2.3.4]:80", "[1::1.2.3]:80",
]


def short(document):
    return json.dumps(document)[:60]


@pytest.fixture(scope="session")
def schema():
    return json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def validator(schema):
    return jsonschema.Draft202012Validator(schema)


def no_twice(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a key stands twice: {names}"
    return dict(pairs)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=no_twice)


def check(path):
    """The monitor's verdict on a file: exit status and standard error."""
    if not FLOWGAUGE.exists():
        pytest.skip(f"{FLOWGAUGE} has not been built")
    run = subprocess.run([FLOWGAUGE, "--check-config", "-c", path], capture_output=True, text=True, timeout=20, check=False)
    return run.returncode, run.stderr


def test_schema_is_a_schema(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


def test_three_examples():
    assert len(SHIPPED) == 4


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped(validator, path):
    validator.validate(read(path))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_by_the_monitor(path):
    assert check(path)[0] == 0, check(path)[1]


def test_shipped_holds_the_defaults(schema):
    config = read(ROOT / "config.json")
    assert "EXAMPLES" in config
    for key, value in config.items():
        if key != "EXAMPLES":
            assert value == schema["properties"][key]["default"], key


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_kept_rules_are_rules(validator, path, tmp_path):
    """What stands under EXAMPLES can be moved to RULES as it is."""
    document = {"RULES": read(path).get("EXAMPLES", [])}
    validator.validate(document)
    moved = tmp_path / "config.json"
    moved.write_text(json.dumps(document), encoding="utf-8")
    assert check(moved)[0] == 0, check(moved)[1]


@pytest.mark.parametrize("document", RIGHT, ids=short)
def test_right(validator, document):
    validator.validate(document)


@pytest.mark.parametrize("document", WRONG, ids=short)
def test_wrong(validator, document):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)


@pytest.mark.parametrize("document", RIGHT, ids=short)
def test_right_by_the_monitor(document, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert check(path)[0] == 0, check(path)[1]


@pytest.mark.parametrize("document", WRONG, ids=short)
def test_wrong_by_the_monitor(document, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    status, error = check(path)
    assert status == 2
    assert error.startswith(f"flowgauge: {path}: ") or error.startswith("flowgauge: ..."), error
    assert error.count("\n") == 1, error


@pytest.mark.parametrize("open_to_all", [False, True])
def test_listen_as_the_monitor_reads_it(validator, tmp_path, open_to_all):
    path = tmp_path / "config.json"
    for address in LISTEN:
        document = {"http": {"listen": address, "allow_unauthenticated": open_to_all}}
        path.write_text(json.dumps(document), encoding="utf-8")
        assert (check(path)[0] == 0) == validator.is_valid(document), address


def test_groups_have_names_of_their_own(tmp_path):
    """What a schema cannot say."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"groups": [{"name": "a"}, {"name": "b"}, {"name": "a", "by": ["src"]}]}), encoding="utf-8")
    status, error = check(path)
    assert status == 2 and "groups[2]" in error and "a name is right once" in error, error


def keys_of(properties, section=""):
    for name, member in properties.items():
        if section == "" and "properties" in member and name != "DISPLAY":
            yield from keys_of(member["properties"], name + ".")
        else:
            yield section + name


def test_every_key_is_in_the_manual(schema):
    manual = (ROOT / "docs" / "man" / "flowgauge.json.5").read_text(encoding="utf-8")
    keys = set(keys_of(schema["properties"]))
    described = {key for line in manual.splitlines() if line.startswith(".It Va ") for key in line[7:].split(" , ")}
    assert described == keys


def defaults_of(described):
    """And what must be said beside them, as in the schema's examples; objects that have no defaults are left out."""
    document = {}
    for name, member in described["properties"].items():
        if "default" in member:
            document[name] = member["default"]
        elif "examples" in member and name in described.get("required", ()):
            document[name] = member["examples"][0]
        elif "properties" in member and defaults_of(member):
            document[name] = defaults_of(member)
    return document


def test_defaults_of_the_schema_are_right(schema, validator, tmp_path):
    document = defaults_of(schema)
    assert len(document) == 24
    validator.validate(document)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert check(path)[0] == 0, check(path)[1]
