"""POSTs to addresses that somebody gave us, without becoming their way into our own network.

What a name stands for is looked up here, each address is checked, and the connection goes to the very address that was
checked: a name that answers differently a moment later (DNS rebinding) gains nothing. No redirect is followed, no
proxy or cookie used, and of an answer no more than its status counts.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
import httpx

PATIENCE_SECONDS = 15.0  # for all of one delivery: name, connection, request and answer
MAX_ANSWER = 4096  # bytes that are read, so that the connection can be used again
MAX_URL = 2000
_INTERNET = IPv6Network("2000::/3")  # the part of IPv6 that is routed


class BadAddress(Exception):
    """Why a URL cannot be an address of ours, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


class Undeliverable(Exception):
    """Why a POST has not been taken, in one line. ``status``: what was answered, if anything was."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet, and to a single machine there."""
    ip: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is None:
            return ip in _INTERNET and ip.is_global and ip.sixtofour is None and ip.teredo is None
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class Outbound:
    """``allow_private``: addresses of our own network and plain http as well, for tests and closed networks."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),  # the usual authorities, or those that SSL_CERT_FILE names
            max_connections=None,
            max_keepalive_connections=100,
            keepalive_expiry=30,
            network_backend=_Checked(allow_private),
        )

    def check(self, url: str) -> httpx.URL:
        """What can be told of an address without asking anybody; ``BadAddress`` where it will not do."""
        try:
            found = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            raise BadAddress("网址格式不对。", "This is no URL.") from None
        if found.scheme != "https" and not (self._allow_private and found.scheme == "http"):
            raise BadAddress("须为 https 网址。", "The URL must be https.")
        if not found.host or found.fragment or len(str(found)) > MAX_URL or (found.port or 1) > 65535:
            raise BadAddress(
                f"网址须有主机名,无片段(#),且不超过 {MAX_URL} 字符。",
                f"A URL has a host, no fragment (#) and at most {MAX_URL} characters.",
            )
        if found.userinfo:
            raise BadAddress("网址中不能含有用户名或密码。", "A URL must not carry a user name or password.")
        if not self._allow_private and _is_literal(found.host) and not is_public(found.host):
            raise BadAddress("不能是内网或本机地址。", "The address must not be private or this machine's own.")
        return found

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns when it has been answered with 2xx; else raises ``Undeliverable``."""
        try:
            target = self.check(url)
            async with asyncio.timeout(PATIENCE_SECONDS):
                status = await self._post(target, headers, body)
        except BadAddress as error:
            raise Undeliverable(f"refused: {error}") from None
        except TimeoutError:
            raise Undeliverable(f"no answer within {PATIENCE_SECONDS:.0f} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, ValueError) as error:
            raise Undeliverable(f"cannot be reached: {type(error).__name__}") from error
        if 300 <= status < 400:
            raise Undeliverable(f"answered {status}: redirects are not followed", status)
        if not 200 <= status < 300:
            raise Undeliverable(f"answered {status}", status)

    async def _post(self, target: httpx.URL, headers: Mapping[str, str], body: bytes) -> int:
        url = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        sent = {"Host": target.netloc.decode("ascii"), "Content-Length": str(len(body)), **headers}
        async with self._pool.stream("POST", url, headers=list(sent.items()), content=body) as answer:
            size = 0
            async for chunk in answer.aiter_stream():
                size += len(chunk)
                if size > MAX_ANSWER:
                    break
            return answer.status

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
        # All of them: a name that stands for one of our own machines as well is not given the benefit of the doubt.
        if not self._allow_private and not all(map(is_public, addresses)):
            raise Undeliverable("refused: the name stands for a private address or this machine's own")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
