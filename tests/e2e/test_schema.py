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
    {"max_flows": 0}, {"max_flows": 16777217}, {"max_flows": 1.5}, {"max_flows": "1"},
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
