"""One connection to a broker: one paho client, one socket, thrown away when it is lost.

paho keeps a memory of unacknowledged messages, re-sends it after a reconnect even with a clean
start, ignores the server's Receive Maximum and drops a message whatever its PUBACK said (its
issues 733, 855, 893). A client object that lives no longer than its connection, whose PUBACK
codes are read and whose in-flight count its owner keeps, has none of these traps. All calls
come from one thread, so that no callback ever runs beside `publish`.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.deliver.endpoint import Endpoint
from edge_agent.errors import DeliveryError

#: CONNACK codes in words that tell whoever installs the agent what to change.
_REFUSALS = {
    0x84: "it does not speak MQTT 5",
    0x85: "it does not allow this client id",
    0x86: "user name or password is wrong",
    0x87: "this user is not allowed to connect",
    0x8A: "this client is banned",
    0x9A: "it keeps no retained messages, so neither states nor the last will",
    0x9B: "it offers no QoS 1",
}
_TAKEN_OVER = 0x8E
_MAX_RECEIVE = 65_535
_MAX_PACKET = 268_435_455
#: paho is asked this often whether it is time for a ping; keepalive is 5 s or more.
_MISC_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Grant:
    """What the broker granted in its CONNACK."""

    receive_maximum: int
    maximum_packet_bytes: int
    session_present: bool


def _properties(packet_type: int) -> Properties:
    return Properties(packet_type)  # type: ignore[no-untyped-call]  # paho annotates all but this


def _json_properties(packet_type: int) -> Properties:
    """Return properties that say: UTF-8 text, JSON."""
    properties = _properties(packet_type)
    properties.ContentType = "application/json"
    properties.PayloadFormatIndicator = 1
    return properties


class Connection:
    """A connection; `open` it, call `turn` again and again, `close` it. For one thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        client_id: str,
        *,
        will: tuple[str, bytes] | None = None,
        session_expiry_s: int = 0,
        on_message: Callable[[MQTTMessage], None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._session_expiry_s = session_expiry_s
        self._grant: Grant | None = None
        self._lost: str | None = None
        self._pubacks: list[tuple[int, int]] = []
        self._misc_at_s = 0.0
        self._publish_properties = _json_properties(PacketTypes.PUBLISH)
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5, reconnect_on_failure=False
        )
        client.max_inflight_messages = 0  # the owner counts, by the server's Receive Maximum
        client.max_queued_messages = 0
        client.connect_timeout = endpoint.connect_timeout_s
        if endpoint.username is not None:
            client.username_pw_set(endpoint.username, endpoint.password)
        if will is not None:
            properties = _json_properties(PacketTypes.WILLMESSAGE)
            client.will_set(*will, qos=1, retain=True, properties=properties)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        if on_message is not None:
            client.on_message = lambda _client, _data, message: on_message(message)

    def open(self) -> Grant:
        """Connect and wait for the broker's answer.

        Raises: DeliveryError that says what the broker or the network answered.
        """
        endpoint = self._endpoint
        if endpoint.tls:
            self._client.tls_set_context(endpoint.tls_context())
        properties = _properties(PacketTypes.CONNECT)
        if self._session_expiry_s:
            properties.SessionExpiryInterval = self._session_expiry_s
        try:
            self._client.connect(
                endpoint.host,
                endpoint.port,
                endpoint.keepalive_s,
                clean_start=self._session_expiry_s == 0,
                properties=properties,
            )
        except (OSError, ValueError) as error:
            raise DeliveryError(f"broker {endpoint}: {_network_text(error, endpoint)}") from error
        self._set_nodelay()
        deadline = time.monotonic() + endpoint.connect_timeout_s
        while self._grant is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise DeliveryError(
                    f"broker {endpoint}: connected, but no CONNACK within "
                    f"{endpoint.connect_timeout_s:.1f} s; does it speak MQTT 5?"
                )
            self.turn(left_s)
        return self._grant

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Send a message with QoS 1; return the id that its PUBACK will carry.

        Raises: DeliveryError where the connection is lost.
        """
        info = self._client.publish(
            topic, payload, qos=1, retain=retain, properties=self._publish_properties
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._error(info.rc)
        return info.mid

    def subscribe(self, filters: list[str]) -> None:
        """Subscribe to all `filters` with QoS 1."""
        rc, _ = self._client.subscribe([(topic, 1) for topic in filters])
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._error(rc)

    def turn(self, timeout_s: float, wake_fd: int | None = None) -> list[tuple[int, int]]:
        """Wait for the network or `wake_fd`, serve it; return (message id, PUBACK code) pairs.

        Raises: DeliveryError where the connection is lost.
        """
        client = self._client
        sock = client.socket()
        if sock is None:
            raise self._error(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        if wake_fd is not None:
            poll.register(wake_fd, select.POLLIN)
        decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        ready = dict(poll.poll(0 if decrypted else max(0, round(timeout_s * 1000))))
        seen = ready.get(sock.fileno(), 0)
        rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        if decrypted or seen & ~select.POLLOUT:
            rc = client.loop_read()
            self._ask_for_quick_acks()
        if rc == MQTTErrorCode.MQTT_ERR_SUCCESS and seen & select.POLLOUT:
            rc = client.loop_write()
        now_s = time.monotonic()
        if rc == MQTTErrorCode.MQTT_ERR_SUCCESS and now_s >= self._misc_at_s:
            self._misc_at_s = now_s + _MISC_EVERY_S
            rc = client.loop_misc()
        pubacks, self._pubacks = self._pubacks, []
        if not pubacks and (rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self._lost):
            raise self._error(rc)
        return pubacks

    def close(self) -> None:
        """Disconnect cleanly where still connected; the broker then sends no last will."""
        self._client.disconnect()
        for _ in range(100):
            if self._client.socket() is None or not self._client.want_write():
                break
            self._client.loop_write()
        self.drop()

    def drop(self) -> None:
        """Close the socket without a word: the broker will publish the last will."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        flags: ConnectFlags,
        code: ReasonCode,
        granted: Properties | None,
    ) -> None:
        if code.value >= 0x80:
            words = _REFUSALS.get(code.value, str(code).lower())
            self._lost = f"refused the connection: {words} (0x{code.value:02X})"
            return
        if getattr(granted, "MaximumQoS", 1) < 1:
            self._lost = f"refused in effect: {_REFUSALS[0x9B]}"
            return
        self._grant = Grant(
            getattr(granted, "ReceiveMaximum", _MAX_RECEIVE),
            getattr(granted, "MaximumPacketSize", _MAX_PACKET),
            flags.session_present,
        )

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        _: Properties | None,
    ) -> None:
        if self._lost is not None:
            return
        if not flags.is_disconnect_packet_from_server:
            self._lost = f"connection lost ({str(code).lower()})"
        elif code.value == _TAKEN_OVER:
            self._lost = "another client connected with this agent's id; is it running twice?"
        else:
            self._lost = f"ended the connection: {str(code).lower()} (0x{code.value:02X})"

    def _on_publish(
        self, _client: Client, _data: object, mid: int, code: ReasonCode, _: Properties | None
    ) -> None:
        self._pubacks.append((mid, code.value))

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        _mid: int,
        codes: list[ReasonCode],
        _: Properties | None,
    ) -> None:
        refused = [code for code in codes if code.value >= 0x80]
        if refused:
            code = refused[0]
            self._lost = f"refused a subscription: {str(code).lower()} (0x{code.value:02X})"

    def _error(self, rc: MQTTErrorCode) -> DeliveryError:
        reason = self._lost or f"connection lost (paho error {rc.name})"
        return DeliveryError(f"broker {self._endpoint}: {reason}")

    def _set_nodelay(self) -> None:
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _ask_for_quick_acks(self) -> None:
        """Re-arm TCP_QUICKACK, else a broker with Nagle on holds its next PUBACK for 40 ms.

        Source: tcp(7): the flag is not permanent.
        """
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _network_text(error: Exception, endpoint: Endpoint) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return f"no answer within {endpoint.connect_timeout_s:.1f} s"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot connect: {error.strerror.lower()}"
    return f"cannot connect: {error}"
