# SPDX-License-Identifier: BSD-2-Clause
"""A small OpenStack in a host: the real Keystone (v3, on SQLite) and the real Gnocchi (indexer on PostgreSQL, storage in
files), each under uwsgi with files of its own, and gone with the host.
"""
import contextlib
import glob
import http.client
import importlib.util
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from hosts import end_process, namespaces, run, wait_for

KEYSTONE_PORT, GNOCCHI_PORT = 5000, 8041
AUTH_URL, URL = f"http://127.0.0.1:{KEYSTONE_PORT}", f"http://127.0.0.1:{GNOCCHI_PORT}"
ADMIN_PASSWORD = "admin-secret-3c1d"
USER_PASSWORD = "first-secret-77aa"

KEYSTONE = """
[DEFAULT]
log_file = {place}/keystone.log
[cache]
enabled = false
[database]
connection = sqlite:///{place}/keystone.db
[fernet_tokens]
key_repository = {place}/fernet
[credential]
key_repository = {place}/credential
[token]
expiration = {expiration}
"""

GNOCCHI = """
[DEFAULT]
coordination_url = file://{place}/coordination
parallel_operations = 1
[api]
auth_mode = keystone
paste_config = {place}/api-paste.ini
[indexer]
url = postgresql://postgres@/gnocchi?host={place}/postgres
[storage]
driver = file
file_basepath = {place}/storage
[incoming]
driver = file
file_basepath = {place}/storage
[keystone_authtoken]
auth_type = password
auth_url = {auth_url}/v3
www_authenticate_uri = {auth_url}/v3
username = admin
password = {password}
project_name = admin
user_domain_name = Default
project_domain_name = Default
token_cache_time = -1
"""


def missing():
    """What a small OpenStack needs and this machine lacks; None if it has all."""
    for program in ("uwsgi", "keystone-manage", "keystone-wsgi-public", "gnocchi-upgrade"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not glob.glob("/usr/lib/postgresql/*/bin/initdb"):
        return "PostgreSQL's server is not installed"
    return None


def _gnocchi_directory():
    # Not imported here: it would drag half of OpenStack into the tests' own process.
    return os.path.join(os.path.dirname(importlib.util.find_spec("gnocchi").origin), "rest")


class OpenStack:
    """Both services; either can be stopped and started again."""

    def __init__(self, host, place, expiration=3600):
        self.host, self.place = host, pathlib.Path(place)
        self.keystone = self.gnocchi = self.postgres = self.token = None
        self.place.chmod(0o755)
        for directory in ("coordination", "storage"):
            (self.place / directory).mkdir()
        self.configure_keystone(expiration)
        (self.place / "gnocchi.conf").write_text(
            GNOCCHI.format(place=self.place, auth_url=AUTH_URL, password=ADMIN_PASSWORD), encoding="utf-8")

        # What checks tokens reads its settings itself, and only where this line says.
        paste = pathlib.Path(_gnocchi_directory(), "api-paste.ini").read_text(encoding="utf-8")
        here = "[filter:keystone_authtoken]\n"
        assert here in paste
        (self.place / "api-paste.ini").write_text(
            paste.replace(here, f"{here}oslo_config_file = {self.place}/gnocchi.conf\n"), encoding="utf-8")

    def configure_keystone(self, expiration):
        (self.place / "keystone.conf").write_text(
            KEYSTONE.format(place=self.place, expiration=expiration), encoding="utf-8")

    # --- from nothing to a service ---

    def _manage(self, *words):
        run("keystone-manage", "--config-file", self.place / "keystone.conf", *words, timeout=180)

    def make_keystone(self):
        self._manage("db_sync")
        for keys in ("fernet_setup", "credential_setup"):
            self._manage(keys, "--keystone-user", "root", "--keystone-group", "root")
        self._manage("bootstrap", "--bootstrap-password", ADMIN_PASSWORD,
                     "--bootstrap-public-url", f"{AUTH_URL}/v3/", "--bootstrap-internal-url", f"{AUTH_URL}/v3/")

    def start_postgres(self):
        """PostgreSQL will not run as root, and listens on a socket in its own directory alone."""
        user = pwd.getpwnam("postgres")
        place = self.place / "postgres"
        programs = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1]).parent
        as_postgres = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        new = not place.exists()
        if new:
            place.mkdir()
            os.chown(place, user.pw_uid, user.pw_gid)
            run(*as_postgres, programs / "initdb", "-D", place / "data", "-A", "trust", "--no-sync", "-E", "UTF8", timeout=180,
                cwd="/")
        with open(self.place / "postgres.log", "ab") as log:
            self.postgres = self.host.start(*as_postgres, programs / "postgres", "-D", place / "data", "-k", place, "-h", "",
                                            "-F", stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        ready = [programs / "pg_isready", "-q", "-h", place]
        wait_for(lambda: run(*ready, check=False).returncode == 0, "PostgreSQL is ready")
        if new:
            run(programs / "createdb", "-h", place, "-U", "postgres", "gnocchi")

    def make_gnocchi(self):
        self.start_postgres()
        run("gnocchi-upgrade", "--config-file", self.place / "gnocchi.conf", timeout=180)

    def _serve(self, name, port, program, **environment):
        words = ["uwsgi", "--plugin", "python3", "--http-socket", f"127.0.0.1:{port}", "--master", "--die-on-term",
                 "--processes", "1", "--threads", "2", "--wsgi-file", program, "--buffer-size", "65535",
                 "--socket-timeout", "60",
                 "--pyargv", f"--config-file {self.place}/{name}.conf"]
        with open(self.place / f"{name}.uwsgi.log", "ab") as log:
            process = self.host.start(*words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.place,
                                      env={**os.environ, **environment})
        wait_for(lambda: self._answers(process, port), f"{name} answers", patience=120)
        return process

    def _answers(self, process, port):
        assert process.poll() is None, f"uwsgi ended: see {self.place}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.host.get(port, "/", timeout=10)[0] < 500
        return False

    def start_keystone(self):
        self.keystone = self._serve("keystone", KEYSTONE_PORT, shutil.which("keystone-wsgi-public"),
                                    OS_KEYSTONE_CONFIG_FILES=str(self.place / "keystone.conf"))

    def start_gnocchi(self):
        self.gnocchi = self._serve("gnocchi", GNOCCHI_PORT, f"{_gnocchi_directory()}/wsgi.py")

    def stop_keystone(self):
        end_process(self.keystone)

    def stop_gnocchi(self):
        end_process(self.gnocchi)

    # --- asking them, as their administrator ---

    def request(self, port, method, path, body=None, token=None):
        """(status, headers, decoded answer or None)"""
        headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": token} if token else {})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            with self.host:
                connection.connect()
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            try:
                return answer.status, answer.headers, json.loads(text) if text else None
            except ValueError: # an error of uwsgi's or of a filter's
                return answer.status, answer.headers, text.decode(errors="replace")
        finally:
            connection.close()

    def admin_token(self):
        identity = {"methods": ["password"], "password": {"user": {
            "name": "admin", "domain": {"id": "default"}, "password": ADMIN_PASSWORD}}}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        status, headers, answer = self.request(KEYSTONE_PORT, "POST", "/v3/auth/tokens",
                                               {"auth": {"identity": identity, "scope": scope}})
        assert status == 201, answer
        return headers["X-Subject-Token"]

    def _ask(self, port, method, path, body=None):
        self.token = self.token or self.admin_token()  # good for an hour: a slow machine needs a second for each
        status, _, answer = self.request(port, method, path, body, self.token)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def add_user(self, name, password):
        """A user of the project admin with the role member; its number."""
        project = self._ask(KEYSTONE_PORT, "GET", "/v3/projects?name=admin")["projects"][0]["id"]
        role = self._ask(KEYSTONE_PORT, "GET", "/v3/roles?name=member")["roles"][0]["id"]
        user = self._ask(KEYSTONE_PORT, "POST", "/v3/users", {"user": {"name": name, "password": password,
                                                                         "domain_id": "default"}})["user"]["id"]
        self._ask(KEYSTONE_PORT, "PUT", f"/v3/projects/{project}/users/{user}/roles/{role}")
        return user

    def change_password(self, user, password):
        """All tokens of the user end with it."""
        self._ask(KEYSTONE_PORT, "PATCH", f"/v3/users/{user}", {"user": {"password": password}})

    def resources(self):
        return self._ask(GNOCCHI_PORT, "GET", "/v1/resource/generic?details=true")

    def metric(self, identifier):
        return self._ask(GNOCCHI_PORT, "GET", f"/v1/metric/{identifier}")

    def measures(self, metric):
        """[(time, granularity, value)] of the means, after what has come is worked in."""
        return self._ask(GNOCCHI_PORT, "GET", f"/v1/metric/{metric}/measures?refresh=true&aggregation=mean")

    def measures_of(self, original_id, chosen=None):
        """{metric's name: (unit, archive policy, means)} of one resource; None for metrics that were not chosen."""
        found = [resource for resource in self.resources() if resource["original_resource_id"] == original_id]
        assert len(found) == 1, f"{original_id}: {found}"
        result = {}
        for name, identifier in found[0]["metrics"].items():
            if chosen and name not in chosen:
                result[name] = None  # each takes the services its time
                continue
            metric = self.metric(identifier)
            values = [value for _, _, value in self.measures(identifier)]
            result[name] = (metric["unit"], metric["archive_policy"]["name"], values)
        return result


@contextlib.contextmanager
def openstack_in(host, place, **options):
    reason = missing()
    if reason:
        pytest.skip(reason)
    services = OpenStack(host, place, **options)
    try:
        services.make_keystone()
        services.start_keystone()
        services.make_gnocchi()
        services.start_gnocchi()
        yield services
    finally:
        for process in (services.gnocchi, services.keystone):
            if process:
                end_process(process)
        if services.postgres and services.postgres.poll() is None:
            services.postgres.send_signal(signal.SIGINT)  # its fast way to end
            services.postgres.wait(30)


@pytest.fixture(scope="session")
def stack(able):
    """One small OpenStack for all tests that want it, with a user: it takes half a minute to make."""
    place = tempfile.mkdtemp(prefix="fgo-")
    try:
        with namespaces(1) as (host,), openstack_in(host, place) as services:
            services.user = services.add_user("monitor", USER_PASSWORD)
            yield services
    finally:
        shutil.rmtree(place)
