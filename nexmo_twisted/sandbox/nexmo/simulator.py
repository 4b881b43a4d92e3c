"""The simulated Nexmo: an account with numbers, and the handsets at the other end.

It stands in for the SMS API, which has no sandbox of its own.
Source of the facts: Vonage documentation, SMS API.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode
from uuid import uuid4

from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.providers.nexmo.signatures import sign
from nexmo_twisted.sandbox.http.messages import JSON, Patience, WebhookCall, with_query
from nexmo_twisted.sandbox.nexmo import gsm
from nexmo_twisted.sandbox.nexmo.opt_out_assist import Asked, asked
from nexmo_twisted.sandbox.nexmo.parts_plan import PartsPlan
from nexmo_twisted.sandbox.nexmo.rates import Rates
from nexmo_twisted.sandbox.nexmo.rates_plan import RatesPlan
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan

#: Again after 5 seconds, doubling up to 15 minutes, for a day (Vonage support articles 226572227 and
#: 360028543292).
WEBHOOK_PATIENCE = Patience(timeout=15.0, first=5.0, longest=900.0, limit=86400.0)

FORM = ("content-type", "application/x-www-form-urlencoded")

InboundForm = Literal["GET", "POST", "JSON"]


@dataclass(frozen=True, slots=True)
class SmsSeen:
    """One SMS on a handset's screen.

    ``direction`` is the handset's: what it received or sent. ``number`` is ours, in digits; ``at`` is in
    seconds since the epoch.
    """

    direction: Literal["received", "sent"]
    number: str
    text: str
    at: float
    client_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedSms:
    """One send request that Nexmo accepted, as it came; one message id for each part.

    One to a handset that opted out is accepted as well, but ``blocked``: it never arrives.
    """

    sender: str
    to: str
    text: str
    type: str
    client_ref: str
    callback: str
    message_ids: tuple[str, ...]
    at: float
    blocked: bool = False


@dataclass(slots=True, kw_only=True)
class SimulatedNexmo:
    """The state of one account and of every handset it wrote to.

    ``inbound_form`` is the account's webhook format; ``inbound_url`` is where SMS to a number without a URL
    of its own go; with a ``signature_secret`` webhooks are signed. ``receipts`` is what delivery receipts come of
    an SMS, ``receipts_of`` the same for single handsets. ``parts`` is how long SMS from handsets are delivered.
    ``rates_plan`` is how fast the account may send, ``rates`` what it sent lately. With ``opt_out_assist`` Vonage
    answers STOP, START and HELP itself, and from no number an SMS gets through to a handset that is a pair of
    ``opted_out`` with it.

    ``now`` gives seconds since the epoch; ``deliver`` takes the webhook calls to make. ``threads`` is what is on each
    handset, ``references`` how many SMS were accepted under each client-ref, ``long_texts`` how many long texts went
    from a handset to a number.
    """

    key: str
    secret: str = field(repr=False)
    now: Callable[[], float]
    deliver: Callable[[WebhookCall], None]
    inbound_form: InboundForm = "POST"
    inbound_url: str = ""
    signature_secret: str = field(default="", repr=False)
    signature_method: str = "md5hash"
    receipts: ReceiptPlan = field(default_factory=ReceiptPlan)
    receipts_of: dict[str, ReceiptPlan] = field(default_factory=dict)
    parts: PartsPlan = field(default_factory=PartsPlan)
    rates_plan: RatesPlan = field(default_factory=RatesPlan)
    opt_out_assist: bool = False
    numbers: dict[str, OwnedNumber] = field(default_factory=dict)
    sent: list[AcceptedSms] = field(default_factory=list)
    rates: Rates = field(default_factory=Rates)
    opted_out: set[tuple[str, str]] = field(default_factory=set)
    threads: dict[str, list[SmsSeen]] = field(default_factory=dict)
    references: Counter[str] = field(default_factory=Counter)
    long_texts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add_number(
        self,
        msisdn: str,
        country: str = "US",
        features: Iterable[str] = ("SMS", "VOICE"),
        inbound_url: str = "",
    ) -> None:
        """Rent one more number (digits only)."""
        self.numbers[msisdn] = OwnedNumber(msisdn, country, inbound_url, frozenset(features))

    def route_inbound(self, msisdn: str, url: str) -> None:
        """Have SMS to one of the account's numbers delivered to ``url``; blank for the account's own URL."""
        self.numbers[msisdn] = replace(self.numbers[msisdn], inbound_url=url)

    def accept(
        self, sender: str, to: str, text: str, type: str = "text", client_ref: str = "", callback: str = ""
    ) -> AcceptedSms:
        """Send an SMS. A handset that did not opt out sees it at once, and '?' for what its ``type`` cannot carry."""
        seen = text if type == "unicode" else gsm.as_gsm7(text)
        count = gsm.parts(seen, unicode=type == "unicode")
        message_ids = tuple(str(uuid4()) for _ in range(count))
        blocked = self.opt_out_assist and (sender, to) in self.opted_out
        sms = AcceptedSms(
            sender=sender,
            to=to,
            text=text,
            type=type,
            client_ref=client_ref,
            callback=callback,
            message_ids=message_ids,
            at=self.now(),
            blocked=blocked,
        )
        self.sent.append(sms)
        self.references[client_ref] += 1
        if not blocked:
            self._show(to, SmsSeen("received", sender, seen, sms.at, client_ref))
        return sms

    def receipt_plan(self, msisdn: str) -> ReceiptPlan:
        """What receipts come of an SMS to this handset."""
        return self.receipts_of.get(msisdn, self.receipts)

    def count(self, client_ref: str) -> int:
        """How many SMS were accepted under one client-ref."""
        return self.references[client_ref]

    def handset(self, msisdn: str) -> list[SmsSeen]:
        """What one handset has received and sent, oldest first."""
        return list(self.threads.get(msisdn, ()))

    def handsets(self) -> dict[str, list[SmsSeen]]:
        """Every handset that received or sent anything."""
        return {msisdn: list(thread) for msisdn, thread in self.threads.items()}

    def reply(self, msisdn: str, to: str, text: str, parts: PartsPlan | None = None) -> str:
        """A handset writes to one of the account's numbers. Returns Nexmo's message id, that of part 1 of several.

        A text longer than one SMS travels in parts, each with a message id of its own; ``parts`` is how they are
        delivered, if not as always. Raises KeyError when the account does not own that number.
        """
        number = self.numbers[to]
        self._show(msisdn, SmsSeen("sent", to, text, self.now()))
        if self.opt_out_assist:
            self._assist(msisdn, to, text)
        unicode = gsm.as_gsm7(text) != text
        texts = gsm.split(text, unicode=unicode)
        message_ids = [f"0B{uuid4().hex[:14].upper()}" for _ in texts]
        plan = parts or self.parts
        if len(texts) > 1:
            self.long_texts[msisdn, to] += 1
        url = number.inbound_url or self.inbound_url
        for each in plan.numbers(len(texts), random.shuffle) if url else ():
            params = {
                "msisdn": msisdn,
                "to": to,
                "messageId": message_ids[each - 1],
                "text": texts[each - 1],
                "type": "unicode" if unicode else "text",
                "keyword": "".join(texts[each - 1].split()[:1]).upper(),
            }
            if len(texts) > 1 and plan.concat:
                params |= {
                    "concat": "true",
                    "concat-ref": str(self.long_texts[msisdn, to] % 256),
                    "concat-total": str(len(texts)),
                    "concat-part": str(each),
                }
            self.deliver(self.webhook(f"inbound {to}", url, params))
        return message_ids[0]

    def _show(self, msisdn: str, sms: SmsSeen) -> None:
        self.threads.setdefault(msisdn, []).append(sms)

    def _assist(self, msisdn: str, number: str, text: str) -> None:
        """Block that handset for that number alone, or lift the block, and say so in an SMS that is no customer's."""
        what = asked(text)
        if what is None:
            return
        if what is Asked.STOP:
            self.opted_out.add((number, msisdn))
        elif what is Asked.START:
            self.opted_out.discard((number, msisdn))
        self._show(msisdn, SmsSeen("received", number, what.value, self.now()))

    def webhook(self, channel: str, url: str, params: Mapping[str, str]) -> WebhookCall:
        """One push to a customer's server, of now: stamped, in the account's form, and signed if it signs."""
        pushed = {
            **params,
            "message-timestamp": datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "api-key": self.key,
        }
        if self.signature_secret:
            pushed |= {"timestamp": str(int(self.now())), "nonce": str(uuid4())}
            pushed["sig"] = sign(pushed, self.signature_secret, self.signature_method)
        match self.inbound_form:
            case "GET":
                url = with_query(url, urlencode(pushed))
                return WebhookCall(
                    channel=channel, method="GET", url=url, headers=(), body=b"", patience=WEBHOOK_PATIENCE
                )
            case "POST":
                form = urlencode(pushed).encode("ascii")
                return WebhookCall(
                    channel=channel, method="POST", url=url, headers=(FORM,), body=form, patience=WEBHOOK_PATIENCE
                )
            case "JSON":
                body = json.dumps(pushed, ensure_ascii=False).encode("utf-8")
                return WebhookCall(
                    channel=channel, method="POST", url=url, headers=(JSON,), body=body, patience=WEBHOOK_PATIENCE
                )
