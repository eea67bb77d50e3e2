"""A DHCP client as a state machine without I/O: packets and timeouts in, packets out. Source: RFC 2131 §4.4, guest-setup.md §B.2.

One session is one attempt on one NIC. Who drives it sends what it gives, waits `patience` seconds for answers, and stops
when it is over; the next attempt is another session. Answers for others, of other servers, or that cannot be used are passed
over, and the reasons kept for people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from limpet.guest.offers import knows_platform, refusal
from limpet.model.errors import MalformedDocument
from limpet.model.network import DhcpMessage
from limpet.wire import dhcp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
WANTED = (
    dhcp.SUBNET_MASK, dhcp.CLASSLESS_ROUTES, dhcp.STATIC_ROUTES, dhcp.ROUTERS, dhcp.DNS_SERVERS, dhcp.HOST_NAME,
    dhcp.DOMAIN_NAME, dhcp.LEASE_SECONDS, dhcp.WIRE_SERVER, dhcp.MICROSOFT_ROUTES,
)  # fmt: skip
LONGEST_HOST_NAME = 63
_BETTER_OFFER_SECONDS = 1.0
"""How long an offer that does not know the platform waits for one that does."""
_REQUESTS, _REQUEST_SECONDS = 3, 1.0
_MOST_REASONS = 8


class State(Enum):
    """Where an attempt is."""

    INIT = auto()
    SELECTING = auto()
    COLLECTING = auto()  # there is an offer, of a server that does not know the platform
    REQUESTING = auto()
    RENEWABLE = auto()  # there is an address already; only its server is to be asked again
    RENEWING = auto()
    BOUND = auto()
    OVER = auto()


class Event(Enum):
    """What happens to it."""

    TIMEOUT = auto()
    LAST_TIMEOUT = auto()
    PLATFORM_OFFER = auto()
    OTHER_OFFER = auto()
    ACK = auto()
    NAK = auto()


class Move(Enum):
    """What it does then."""

    DISCOVER = auto()
    KEEP = auto()
    REQUEST = auto()
    RENEW = auto()
    BIND = auto()
    GIVE_UP = auto()


TABLE: Mapping[tuple[State, Event], tuple[Move, State]] = {
    (State.INIT, Event.TIMEOUT): (Move.DISCOVER, State.SELECTING),
    (State.SELECTING, Event.PLATFORM_OFFER): (Move.REQUEST, State.REQUESTING),
    (State.SELECTING, Event.OTHER_OFFER): (Move.KEEP, State.COLLECTING),
    (State.SELECTING, Event.TIMEOUT): (Move.GIVE_UP, State.OVER),
    (State.COLLECTING, Event.PLATFORM_OFFER): (Move.REQUEST, State.REQUESTING),
    (State.COLLECTING, Event.TIMEOUT): (Move.REQUEST, State.REQUESTING),
    (State.REQUESTING, Event.ACK): (Move.BIND, State.BOUND),
    (State.REQUESTING, Event.NAK): (Move.GIVE_UP, State.OVER),
    (State.REQUESTING, Event.TIMEOUT): (Move.REQUEST, State.REQUESTING),
    (State.REQUESTING, Event.LAST_TIMEOUT): (Move.GIVE_UP, State.OVER),
    (State.RENEWABLE, Event.TIMEOUT): (Move.RENEW, State.RENEWING),
    (State.RENEWING, Event.ACK): (Move.BIND, State.BOUND),
    (State.RENEWING, Event.NAK): (Move.GIVE_UP, State.OVER),
    (State.RENEWING, Event.TIMEOUT): (Move.RENEW, State.RENEWING),
    (State.RENEWING, Event.LAST_TIMEOUT): (Move.GIVE_UP, State.OVER),
}
"""What is not here is passed over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One attempt. seconds: how long an offer may take. offer: the one that was chosen; answer: the acknowledgement.

    address: the one this machine has, where it only renews. reasons: why answers were passed over.
    """

    mac: bytes
    transaction: int
    host_name: str | None = None
    broadcast: bool = False
    seconds: float = 1.0
    address: IPv4Address | None = None
    state: State = State.INIT
    requests: int = 0
    offer: DhcpMessage | None = None
    answer: DhcpMessage | None = None
    reasons: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in {State.BOUND, State.OVER}

    @property
    def patience(self) -> float:
        """How long to wait for the next answer, seconds; 0 before the first packet."""
        if self.state in {State.INIT, State.RENEWABLE}:
            return 0.0
        if self.state is State.COLLECTING:
            return _BETTER_OFFER_SECONDS
        return self.seconds if self.state is State.SELECTING else max(self.seconds, _REQUEST_SECONDS)


def renewal(
    *, mac: bytes, transaction: int, address: IPv4Address, host_name: str | None, seconds: float
) -> Session:
    """A session that asks again for the address the machine has, to tell the server something: its host name."""
    return Session(
        mac=mac,
        transaction=transaction,
        host_name=host_name,
        seconds=seconds,
        address=address,
        state=State.RENEWABLE,
    )


def timed_out(session: Session) -> tuple[Session, bytes | None]:
    """No answer came in `patience`: the session after it, and a packet to send."""
    last = session.requests >= _REQUESTS and session.state in {State.REQUESTING, State.RENEWING}
    return _moved(session, Event.LAST_TIMEOUT if last else Event.TIMEOUT, None)


def received(session: Session, packet: bytes) -> tuple[Session, bytes | None]:
    """A UDP packet came for port 68: the session after it, and a packet to send."""
    try:
        message = dhcp.parse_dhcp_message(packet)
    except MalformedDocument as error:
        return _passed_over(session, str(error)), None
    if (
        not message.reply
        or message.transaction != session.transaction
        or message.hardware_address != session.mac
    ):
        return session, None  # somebody else's: a broadcast reaches all
    event = _event(session, message)
    return (_passed_over(session, event), None) if isinstance(event, str) else _moved(session, event, message)


def _event(session: Session, message: DhcpMessage) -> Event | str:
    """What a message means to this session, or why it is passed over."""
    if message.kind == OFFER:
        problem = refusal(message)
        if problem is not None:
            return f"an offer of {message.server or 'a server'} was refused: {problem}"
        return Event.PLATFORM_OFFER if knows_platform(message) else Event.OTHER_OFFER
    chosen = session.offer
    if message.kind == NAK:
        if chosen is not None and message.server not in {None, chosen.server}:
            return f"{message.server} says no to what {chosen.server} was asked"
        return Event.NAK
    if message.kind != ACK:
        return f"a message of kind {message.kind} came"
    problem = refusal(message)
    if problem is not None:
        return f"an acknowledgement was refused: {problem}"
    if chosen is not None and message.server != chosen.server:
        return f"{message.server} acknowledges what {chosen.server} was asked"
    asked = session.address if chosen is None else chosen.address
    if message.address != asked:
        return f"the address {message.address} is acknowledged, {asked} was asked for"
    return Event.ACK


def _moved(session: Session, event: Event, message: DhcpMessage | None) -> tuple[Session, bytes | None]:
    move, state = TABLE.get((session.state, event), (None, session.state))
    if move is None:
        return session, None
    session = replace(session, state=state)
    match move:
        case Move.DISCOVER:
            return session, dhcp.render_dhcp_message(_message(session, DISCOVER))
        case Move.KEEP:
            return replace(session, offer=message), None
        case Move.REQUEST:
            session = replace(session, offer=message or session.offer, requests=session.requests + 1)
            return session, dhcp.render_dhcp_message(_request(session))
        case Move.RENEW:
            session = replace(session, requests=session.requests + 1)
            request = replace(_message(session, REQUEST), client_address=session.address)
            return session, dhcp.render_dhcp_message(request)
        case Move.BIND:
            return replace(session, answer=message), None
        case Move.GIVE_UP:
            return _passed_over(session, _WHY_OVER[event]), None


_WHY_OVER = {
    Event.TIMEOUT: "no offer came",
    Event.LAST_TIMEOUT: "the server does not answer the request",
    Event.NAK: "the server says no",
}


def _message(session: Session, kind: int) -> DhcpMessage:
    return DhcpMessage(
        reply=False,
        transaction=session.transaction,
        hardware_address=session.mac,
        kind=kind,
        broadcast=session.broadcast,
        host_name=(session.host_name or "")[:LONGEST_HOST_NAME] or None,
        requested_options=WANTED,
    )


def _request(session: Session) -> DhcpMessage:
    offer = session.offer
    if offer is None:
        raise ValueError("there is no offer to ask for")
    return replace(_message(session, REQUEST), requested_address=offer.address, server=offer.server)


def _passed_over(session: Session, reason: str) -> Session:
    if reason in session.reasons:
        return session
    return replace(session, reasons=(*session.reasons, reason)[-_MOST_REASONS:])
