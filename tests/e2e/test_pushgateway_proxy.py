# SPDX-License-Identifier: BSD-2-Clause
"""Pushing to a real Pushgateway through nginx, with a password and TLS."""
import pathlib
import socket
import ssl
import subprocess

import pytest

from gateways import GATEWAY, count, fails, lines, succeeds
from hosts import end_process, run, wait_for

PROXY = 9443
SECURE = f"https://127.0.0.1:{PROXY}/gateway/"
NAME = "gateway.test"
PASSWORD = "s3cret-of-the-test"


def certificate(place, name, authority, subject):
    """A key and a certificate that the authority signed."""
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", place / f"{name}.key", "-out",
        place / f"{name}.csr", "-subj", f"/CN={subject}")
    (place / f"{name}.ext").write_text(f"subjectAltName=DNS:{subject}\n")
    run("openssl", "x509", "-req", "-in", place / f"{name}.csr", "-CA", place / f"{authority}.crt", "-CAkey",
        place / f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", place / f"{name}.ext", "-out",
        place / f"{name}.crt")


def authority(place, name):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", place / f"{name}.key", "-out",
        place / f"{name}.crt", "-days", "2", "-subj", f"/CN={name}")


@pytest.fixture
def proxy(pair, gateway, place):
    """nginx before the Pushgateway: TLS with a certificate for NAME, a password, and under /client/ a certificate."""
    authority(place, "ours")
    authority(place, "others")
    certificate(place, "server", "ours", NAME)
    certificate(place, "client", "ours", "a.client")
    hashed = run("openssl", "passwd", "-apr1", PASSWORD).stdout.strip()
    (place / "users").write_text(f"pusher:{hashed}\n")
    (place / "password").write_text(PASSWORD + "\n")
    (place / "nginx.conf").write_text(f"""
user root;
worker_processes 1;
daemon off;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
events {{ }}
http {{
    access_log {place}/access.log;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{PROXY} ssl;
        server_name {NAME} 127.0.0.1;
        ssl_certificate {place}/server.crt;
        ssl_certificate_key {place}/server.key;
        ssl_client_certificate {place}/ours.crt;
        ssl_verify_client optional;
        location /gateway/ {{
            auth_basic "the gateway";
            auth_basic_user_file {place}/users;
            proxy_pass http://127.0.0.1:{GATEWAY}/;
        }}
        location /client/ {{
            if ($ssl_client_verify != SUCCESS) {{ return 403; }}
            proxy_pass http://127.0.0.1:{GATEWAY}/;
        }}
        location /elsewhere/ {{ return 302 http://127.0.0.1:{GATEWAY}/; }}
    }}
}}
""")
    process = pair[1].start("nginx", "-p", place, "-c", place / "nginx.conf", stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)

    def answers():
        try:
            with pair[1]:
                raw = socket.create_connection(("127.0.0.1", PROXY), 5)
            with raw:
                context = ssl.create_default_context(cafile=place / "ours.crt")
                context.wrap_socket(raw, server_hostname=NAME).close()
            return True
        except OSError:
            return False

    wait_for(answers, "nginx answers")
    yield gateway
    end_process(process)


def secure(place, **changes):
    return {"url": SECURE, "basic_auth": {"username": "pusher", "password_file": str(place / "password")},
            "tls": {"ca": str(place / "ours.crt"), "server_name": NAME}, **changes}


def arguments_and_environments():
    found = b""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes()
        except OSError:
            pass
    return found


def test_password_and_tls(proxy, pushing, place):
    watched = pushing(secure(place))
    succeeds(watched)
    assert proxy.group(job="flowgauge", instance="here")
    assert PASSWORD.encode() not in arguments_and_environments()
    watched.stop()
    assert proxy.groups() == {}
    assert PASSWORD not in watched.log.read_text()
    assert len(lines(watched, "push")) == 1, watched.log.read_text()


def test_wrong_password_and_the_right_one_later(proxy, pushing, place):
    (place / "password").write_text("wrong\n")
    watched = pushing(secure(place))
    fails(watched, "http")
    assert count(watched, "flowgauge_push_up") == 0
    assert proxy.groups() == {}
    (place / "password").write_text(PASSWORD)  # without a restart
    succeeds(watched)
    (place / "password").unlink()
    fails(watched, "password")
    assert len(lines(watched, "it answers 401: check pushgateway.basic_auth")) == 1, watched.log.read_text()
    assert len(lines(watched, "succeed again")) == 1
    assert len(lines(watched, "No such file or directory")) == 1
    assert PASSWORD not in watched.log.read_text()


@pytest.mark.parametrize("changes", [{"ca": "others.crt"}, {"server_name": "another.test"}, {"server_name": None}])
def test_wrong_authority_or_name(proxy, pushing, place, changes):
    tls = {"ca": str(place / changes.get("ca", "ours.crt")), "server_name": changes.get("server_name", NAME)}
    watched = pushing(secure(place, tls={key: value for key, value in tls.items() if value}))
    fails(watched, "tls")
    assert len(lines(watched, "pushes to")) == 1, watched.log.read_text()
    assert proxy.groups() == {}
    assert "PUT" not in (place / "access.log").read_text(), "the password is not sent to whom is not known"
    watched.stop()


def test_client_certificate(proxy, pushing, place):
    url = f"https://127.0.0.1:{PROXY}/client"
    tls = {"ca": str(place / "ours.crt"), "server_name": NAME}
    with_one = {"cert": str(place / "client.crt"), "key": str(place / "client.key")}
    without = pushing({"url": url, "tls": tls})
    fails(without, "http")
    assert proxy.groups() == {}
    watched = pushing({"url": url, "tls": tls | with_one}, port=8081)
    succeeds(watched)
    assert proxy.group(job="flowgauge", instance="here")


def test_redirects_are_not_followed(proxy, pushing, place):
    watched = pushing(secure(place, url=f"https://127.0.0.1:{PROXY}/elsewhere/"))
    fails(watched, "http")
    assert lines(watched, "it answers 302: give the URL that it redirects to")
    assert proxy.groups() == {}
