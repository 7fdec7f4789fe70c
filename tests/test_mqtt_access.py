"""Who may connect: TLS, passwords, broker URLs and the settings of a real site's broker."""

import json
import subprocess
from pathlib import Path

import pytest

from edge_agent.deliver.endpoint import endpoint_of, split_broker_url
from edge_agent.errors import UsageError
from edge_agent.settings import BrokerSettings
from tests.brokers import REPO, free_port, mosquitto, needs_mosquitto
from tests.outbox_support import CountingMeter, delivery, event
from tests.waiting import wait_until

pytestmark = [pytest.mark.system, needs_mosquitto]


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """Make a self-signed authority NAME.crt, NAME.key."""
    openssl(
        folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
        "-out", f"{name}.crt",
    )  # fmt: skip


def certificate(folder: Path, name: str, by: str, extension: str) -> None:
    """Make NAME.crt, NAME.key, signed by the authority `by`."""
    openssl(
        folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr",
    )  # fmt: skip
    (folder / f"{name}.ext").write_text(extension)
    openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.crt", "-CAkey", f"{by}.key",
        "-CAcreateserial", "-days", "30", "-extfile", f"{name}.ext", "-out", f"{name}.crt",
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # paho leaves it open
def test_tls_is_verified_and_a_client_certificate_is_sent(tmp_path: Path) -> None:
    for name in ("site-ca", "other-ca"):
        authority(tmp_path, name)
    certificate(tmp_path, "broker-cert", "site-ca", "subjectAltName=IP:127.0.0.1")
    certificate(tmp_path, "agent-cert", "site-ca", "extendedKeyUsage=clientAuth")
    port = free_port()
    extra = [
        f"listener {port} 127.0.0.1",
        f"cafile {tmp_path}/site-ca.crt",
        f"certfile {tmp_path}/broker-cert.crt",
        f"keyfile {tmp_path}/broker-cert.key",
        "require_certificate true",
    ]
    ours = {
        "ca_file": tmp_path / "site-ca.crt",
        "client_cert_file": tmp_path / "agent-cert.crt",
        "client_key_file": tmp_path / "agent-cert.key",
    }
    cases = [
        ("wrong authority", ours | {"ca_file": tmp_path / "other-ca.crt"}, "not trusted"),
        ("system's authorities", ours | {"ca_file": None}, "not trusted"),
        ("no such file", ours | {"ca_file": tmp_path / "none.crt"}, "none.crt: "),
        ("no certificate of ours", {"ca_file": tmp_path / "site-ca.crt"}, "TLS failed|lost"),
    ]
    with mosquitto(tmp_path / "broker", port, extra):
        for name, settings, words in cases:
            agent = delivery(tmp_path / name, f"mqtts://127.0.0.1:{port}", **settings)
            agent.start()
            wait_until(lambda: agent.snapshot()["broker"]["reason"], name)  # noqa: B023
            reason = agent.snapshot()["broker"]["reason"]
            agent.stop(1)
            assert any(word in reason for word in words.split("|")), (name, reason)
        meter = CountingMeter()
        agent = delivery(tmp_path / "good", f"mqtts://127.0.0.1:{port}", meter=meter, **ours)
        agent.start()
        for _ in range(50):
            agent.put(event())
        wait_until(lambda: meter.counts["events_acked"] == 51, "all acked over TLS")
        agent.stop(5)


def test_a_wrong_password_is_told_without_showing_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    passwords = tmp_path / "passwords"
    passwords.write_text("town-gate:correct horse\n")
    tool = Path("/usr/bin/mosquitto_passwd")
    if not tool.exists():
        pytest.skip("needs mosquitto_passwd of the Debian package mosquitto")
    subprocess.run([tool, "-U", passwords], check=True)
    passwords.chmod(0o644)
    with mosquitto(tmp_path / "broker", extra=[f"password_file {passwords}"]) as broker:
        wrong = delivery(
            tmp_path / "a", broker.url, username="town-gate", password="battery staple"
        )
        wrong.start()
        wait_until(lambda: wrong.snapshot()["broker"]["reason"], "refused")
        said = json.dumps(wrong.snapshot()) + caplog.text
        wrong.stop(1)
        assert "refused the connection" in said
        assert "battery staple" not in said
        right = delivery(tmp_path / "b", broker.url, username="town-gate", password="correct horse")
        right.start()
        wait_until(lambda: right.snapshot()["broker"]["state"] == "connected", "let in")
        right.stop(5)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mqtt://broker", ("broker", 1883, False)),
        ("mqtts://broker.site", ("broker.site", 8883, True)),
        ("mqtt://10.0.0.1:2000/", ("10.0.0.1", 2000, False)),
        ("mqtts://[::1]:1", ("::1", 1, True)),
    ],
)
def test_broker_urls(url: str, parts: tuple[str, int, bool]) -> None:
    assert split_broker_url(url) == parts
    host = f"[{parts[0]}]" if ":" in parts[0] else parts[0]
    scheme = "mqtts" if parts[2] else "mqtt"
    assert str(endpoint_of(BrokerSettings(url=url))) == f"{scheme}://{host}:{parts[1]}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mqtt://me:secret@broker", "`ps` would show them"),
        ("mqtt://me@broker", "holds credentials"),
        ("http://broker", "must be mqtt://HOST"),
        ("mqtt://", "must be mqtt://HOST"),
        ("mqtt://broker:port", "write mqtt://HOST:PORT"),
        ("mqtt://broker/topic", "must be mqtt://HOST"),
    ],
)
def test_broker_urls_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(UsageError, match="broker URL") as refused:
        split_broker_url(url)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def test_broker_settings_promise_what_the_design_demands() -> None:
    settings = dict(
        line.split(maxsplit=1)
        for line in (REPO / "configs/broker/mosquitto.conf").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert settings["max_queued_messages"] == "0"
    assert settings["persistence"] == "true"
    assert int(settings["autosave_interval"]) <= 30
    assert settings["set_tcp_nodelay"] == "true"
    assert settings["allow_anonymous"] == "false"
