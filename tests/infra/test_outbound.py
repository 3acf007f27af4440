"""Nobody who names an address gets us to reach our own network, to wait for ever or to read without end."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from infra import outbound
from infra.outbound import Outbound, Undeliverable, is_public
from tests.receiver import Delivery, answers, receiving

CHUNK = b"1000\r\n" + b"x" * 4096 + b"\r\n"
WITHOUT_END = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 10 * CHUNK


@pytest.fixture
async def sender() -> AsyncIterator[Outbound]:
    sender = Outbound(allow_private=True)
    yield sender
    await sender.aclose()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.0.1"),  # noqa: S104
        *("100.64.0.1", "100.127.255.254", "169.254.169.254", "192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.1"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1"),
    ],
)
def test_addresses_that_are_not_the_internets_are_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "100.63.0.1", "172.32.0.1", "223.5.5.5", "::ffff:8.8.8.8", "2400:3200::1"]
)
def test_addresses_of_the_internet_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "0177.0.0.1", "0"])
async def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    sender = Outbound(allow_private=False)
    with pytest.raises(Undeliverable, match="refused"):
        await sender.post(f"https://{host}:1/", {}, b"{}")


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose owner answers with another address the second time: there is no second time."""
    asked: list[str] = []
    reached: list[str] = []

    async def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("1.1.1.1" if len(asked) == 1 else "127.0.0.1", port))]

    async def connect(self: Any, host: str, *_: Any, **__: Any) -> Any:
        reached.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebinding)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    sender = Outbound(allow_private=False)
    with pytest.raises(Undeliverable, match="cannot be reached"):
        await sender.post("https://rebinding.example/", {}, b"{}")
    with pytest.raises(Undeliverable, match="refused"):
        await sender.post("https://rebinding.example/", {}, b"{}")
    assert (asked, reached) == (["rebinding.example"] * 2, ["1.1.1.1"])


async def test_a_name_with_one_private_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(Undeliverable, match="refused"):
        await Outbound(allow_private=False).post("https://both.example/", {}, b"{}")


async def test_an_answer_without_end_is_not_read_to_it(sender: Outbound) -> None:
    async with receiving() as receiver:

        async def endless(delivery: Delivery) -> bytes:
            return WITHOUT_END

        receiver.answer = endless  # type: ignore[method-assign]
        await sender.post(receiver.url, {}, b"{}")


async def test_nobody_is_waited_for_for_ever(sender: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "PATIENCE_SECONDS", 0.1)
    never = asyncio.Event()

    async def silent(delivery: Delivery) -> bytes:
        await never.wait()
        return b""

    async with receiving() as receiver:
        receiver.answer = silent  # type: ignore[method-assign]
        with pytest.raises(Undeliverable, match="no answer within"):
            await sender.post(receiver.url, {}, b"{}")
        never.set()


async def test_what_is_sent_arrives_as_it_is_and_the_connection_is_used_again(sender: Outbound) -> None:
    async with receiving() as receiver:
        for n in range(3):
            await sender.post(receiver.url, {"webhook-id": str(n)}, "{点题}".encode())
        assert [(d.headers["webhook-id"], d.body.decode()) for d in receiver.all] == [
            (str(n), "{点题}") for n in range(3)
        ]
        assert receiver.all[0].headers["host"] == receiver.url.split("/")[2]
        assert receiver.connections == 1


@pytest.mark.parametrize(
    ("answer", "why", "status"),
    [
        (answers(302, "Location: http://127.0.0.1/"), "redirects are not followed", 302),
        (answers(400), "answered 400", 400),
        (answers(500), "answered 500", 500),
        (b"", "cannot be reached", None),
        (b"SSH-2.0\r\n\r\n", "cannot be reached", None),
    ],
)
async def test_anything_but_2xx_is_told(sender: Outbound, answer: bytes, why: str, status: int | None) -> None:
    async with receiving() as receiver:

        async def wrong(delivery: Delivery) -> bytes:
            return answer

        receiver.answer = wrong  # type: ignore[method-assign]
        with pytest.raises(Undeliverable, match=why) as caught:
            await sender.post(receiver.url, {}, b"{}")
        assert caught.value.status == status


async def test_plain_http_is_for_closed_networks_only() -> None:
    async with receiving() as receiver:
        with pytest.raises(Undeliverable, match="refused"):
            await Outbound(allow_private=False).post(receiver.url, {}, b"{}")
        assert receiver.connections == 0


def certificate_of_localhost(file: Path) -> ssl.SSLContext:
    """A server's side of TLS; ``file`` holds its key and certificate, which is its own authority."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(plain + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_the_certificate_must_be_the_names_though_the_connection_goes_to_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "localhost.pem"
    async with receiving(certificate_of_localhost(file)) as receiver:
        with pytest.raises(Undeliverable, match="cannot be reached"):  # by an authority that nobody knows
            await Outbound(allow_private=True).post(receiver.url, {}, b"{}")
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        sender = Outbound(allow_private=True)
        await sender.post(receiver.url, {}, b"{}")
        with pytest.raises(Undeliverable, match="cannot be reached"):
            await sender.post(receiver.url.replace("localhost", "127.0.0.1"), {}, b"{}")
        assert len(receiver.all) == 1
        await sender.aclose()
