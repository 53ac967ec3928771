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
    {"max_flows": 1}, {"max_flows": 16777216}, {"max_flows": 1e3},
    {"idle_timeout_seconds": 1}, {"idle_timeout_seconds": 86400},
    {"interval_seconds": 0.1}, {"interval_seconds": 3600},
    *({"http": {"listen": address}} for address in
      ("127.0.0.1:1", "127.8.9.10:65535", ":9000", "localhost:80", "[::1]:80", "[0:0:0:0:0:0:0:1]:80", "[::ffff:127.0.0.1]:80")),
    {"http": OPEN | {"allow_unauthenticated": True}},
    {"http": OPEN | {"enabled": False}},
    {"http": {}}, {"metrics": {"max_flows": 0, "bpf_run_time": True}},
    {"control": {"socket": "/tmp/flowgauge.sock"}}, {"control": {"socket": "/" + 106 * "x"}},
    {"legacy_metrics": True},
    {"ping": {}}, {"ping": {"hosts": []}}, {"metrics": {"max_ping_histograms": 0}},
    {"ping": {"hosts": ["10.0.0.1", "::1", "example.org", {"host": "example.org", "name": "by the other way", "interface": "eth1"}]}},
    {"ping": {"interval": 0.01, "timeout": 10, "count": 1000, "size": 16, "dscp": 63, "ttl": 255, "interface": "a.b", "addresses": "all",
              "resolve_interval": 86400, "hosts": [{"host": "a", "interval": 3600, "timeout": 60, "count": 1, "size": 65507, "dscp": 0,
                                                    "ttl": 1, "addresses": "first", "resolve_interval": 1}]}},
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
    {"max_flows": 0}, {"max_flows": 16777217}, {"max_flows": 1.5}, {"max_flows": "1"},
    {"idle_timeout_seconds": 0.9}, {"idle_timeout_seconds": 86401},
    {"interval_seconds": 0.09}, {"interval_seconds": 3601},
    *({"http": {"listen": address}} for address in ("127.0.0.1", "8080", "::1:80", "[::1]", "example.org:80", "127.0.0.1:http")),
    {"http": {"listen": 8080}}, {"http": OPEN}, {"http": OPEN | {"allow_unauthenticated": False}},
    {"http": {"listen": "[::]:80", "enabled": True}}, {"http": {"enabled": "True"}},
    {"metrics": {"max_flows": -1}}, {"metrics": {"bpf_run_time": "True"}},
    {"control": {"socket": "run/x"}}, {"control": {"socket": "/" + 107 * "x"}}, {"control": "/x"},
    {"legacy_metrics": 1},
    {"ping": []}, {"ping": {"host": ["a"]}}, {"ping": {"name": "a"}}, {"ping": {"hosts": "a"}}, {"ping": {"hosts": [1]}},
    {"ping": {"hosts": [""]}}, {"ping": {"hosts": ["a b"]}}, {"ping": {"hosts": [256 * "a"]}}, {"ping": {"hosts": [{"interval": 1}]}},
    {"ping": {"hosts": [{"host": "a", "name": ""}]}}, {"ping": {"hosts": [{"host": "a", "hosts": ["b"]}]}},
    {"ping": {"interval": 0.009}}, {"ping": {"interval": "1"}}, {"ping": {"timeout": 61}}, {"ping": {"count": 0}}, {"ping": {"count": 1.5}},
    {"ping": {"size": 15}}, {"ping": {"size": 65508}}, {"ping": {"dscp": 64}}, {"ping": {"ttl": 0}}, {"ping": {"ttl": 256}},
    {"ping": {"interface": "a b"}}, {"ping": {"interface": 1}}, {"ping": {"addresses": "some"}}, {"ping": {"resolve_interval": 0.5}},
    {"metrics": {"max_ping_histograms": 65537}},
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


def defaults_of(properties):
    document = {}
    for name, member in properties.items():
        if "default" in member:
            document[name] = member["default"]
        elif "properties" in member:
            document[name] = defaults_of(member["properties"])
    return document


def test_defaults_of_the_schema_are_right(schema, validator, tmp_path):
    document = defaults_of(schema["properties"])
    assert len(document) == 18
    validator.validate(document)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert check(path)[0] == 0, check(path)[1]
