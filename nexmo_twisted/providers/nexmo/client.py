"""Nexmo's SMS and Numbers APIs (Vonage today), as an :class:`SmsProvider`.

Source of the facts: Vonage SMS API and Numbers API.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import DeferredLock
from twisted.web.http_headers import Headers
from vonage_sms import SmsMessage

from nexmo_twisted.domain.model import Outcome, OwnedNumber, Sms
from nexmo_twisted.domain.segments import is_gsm
from nexmo_twisted.http_client.client import Broken, Http, HttpResponse, NotSent
from nexmo_twisted.http_client.responses import ask, read_json, refusal, unreadable
from nexmo_twisted.ports import SmsProvider
from nexmo_twisted.providers.nexmo.send_results import judge_answer, judge_failure

_COMPANY = "Nexmo"
#: The longest text of one request (Vonage documentation, SMS API). How characters above U+FFFF are counted is not said
#: there; as two is the stricter reading.
MAX_CHARACTERS = 3200

_PAGE = 100  # numbers; the most there are on one page
_MOST_PAGES = 1000
_MOST_BYTES = 64 * 2**20  # of all pages together
_CODE = re.compile(r"[1-5][0-9]{2}")  # of the Numbers API: an HTTP status, in the body

#: What else can be written to a number. Whether leaving one out resets it is not documented, so all are sent back.
_WRITABLE = (
    "app_id",
    "moSmppSysType",
    "voiceCallbackType",
    "voiceCallbackValue",
    "voiceStatusCallback",
    "messagesCallbackType",
    "messagesCallbackValue",
)


class NexmoClient:
    """Calls for one account. Receipts go to ``callback``.

    The secret travels in the Authorization header only. With ``sign``, which adds a signature to the parameters of an
    SMS, it does not travel with SMS at all; the Numbers API knows no signatures.
    """

    def __init__(
        self,
        http: Http,
        *,
        api_url: str,
        key: str,
        secret: str,
        callback: str,
        sign: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
    ) -> None:
        base = api_url.rstrip("/")
        self._http = http
        self._callback = callback
        self._sign = sign
        self._sms_url = f"{base}/sms/json"
        self._numbers_url = f"{base}/account/numbers"
        self._update_url = f"{base}/number/update"
        credentials = b64encode(f"{key}:{secret}".encode()).decode("ascii")
        self._reading = Headers({"Accept": ["application/json"], "Authorization": [f"Basic {credentials}"]})
        self._posting = self._reading.copy()
        self._posting.addRawHeader("Content-Type", "application/x-www-form-urlencoded")
        self._sending = self._posting.copy()
        if sign is not None:
            self._sending.removeHeader("Authorization")
        #: Numbers calls made quickly are answered 429: one at a time.
        self._one_at_a_time = DeferredLock()
        self._listed: Mapping[str, Mapping[str, Any]] = {}

    async def send(self, sms: Sms, *, until: float | None = None) -> Outcome:
        message = SmsMessage(  # Vonage's own model knows the names and limits; its client blocks and is not used
            to=sms.to,
            from_=sms.sender,
            text=sms.text,
            type="text" if is_gsm(sms.text) else "unicode",
            client_ref=sms.client_ref,
            callback=self._callback,
        )
        dumped = message.model_dump(by_alias=True, exclude_none=True)
        # Half an emoji, say, must keep neither the rest from being sent nor a signature from fitting.
        fields: Mapping[str, str] = {name: value.encode("utf-8", "replace").decode() for name, value in dumped.items()}
        if self._sign is not None:
            fields = self._sign(fields)
        try:
            answer = await self._http.request(
                "POST", self._sms_url, headers=self._sending, body=_form(fields), until=until
            )
        except NotSent as error:
            return judge_failure(False, error.reason)
        except Broken as error:
            return replace(judge_failure(True, error.reason), on_wire=error.seconds)
        named = answer.headers
        outcome = judge_answer(answer.status, named.get("retry-after"), answer.body, date=named.get("date"))
        return replace(outcome, on_wire=answer.seconds)

    async def numbers(self) -> Sequence[OwnedNumber]:
        async with self._one_at_a_time:
            self._listed = await self._list()
        return [_owned(msisdn, entry) for msisdn, entry in self._listed.items()]

    async def route_inbound(self, number: OwnedNumber, url: str) -> None:
        async with self._one_at_a_time:
            if number.msisdn not in self._listed:
                self._listed = await self._list()
            kept = self._listed.get(number.msisdn, {})
            fields = {name: kept[name] for name in _WRITABLE if isinstance(kept.get(name), str) and kept[name]}
            fields |= {"country": number.country, "msisdn": number.msisdn, "moHttpUrl": url}
            answer = await ask(self._http, _COMPANY, "POST", self._update_url, self._posting, _form(fields))
        code = str(_object(answer).get("error-code"))
        if _CODE.fullmatch(code) is None:
            raise unreadable(_COMPANY)
        if code != "200":
            raise refusal(_COMPANY, int(code), answer)

    async def _list(self) -> dict[str, Mapping[str, Any]]:
        """Every entry of the account by its number, page by page until there are no new ones."""
        listed: dict[str, Mapping[str, Any]] = {}
        count: object = None
        size = 0
        for index in range(1, _MOST_PAGES + 1):
            url = f"{self._numbers_url}?size={_PAGE}&index={index}"
            answer = await ask(self._http, _COMPANY, "GET", url, self._reading)
            size += len(answer.body)
            if size > _MOST_BYTES:
                raise unreadable(_COMPANY)
            document = _object(answer)
            code = str(document.get("error-code", "200"))
            if code != "200":
                raise refusal(_COMPANY, int(code), answer) if _CODE.fullmatch(code) else unreadable(_COMPANY)
            entries = document.get("numbers", [])
            if not isinstance(entries, list):
                raise unreadable(_COMPANY)
            found = {
                str(entry["msisdn"]): entry
                for entry in entries
                if isinstance(entry, dict) and isinstance(entry.get("msisdn"), str | int)
            }
            new = found.keys() - listed.keys()
            listed |= found
            count = document.get("count")
            if not new or (isinstance(count, int) and len(listed) >= count):
                break
        if isinstance(count, int) and len(listed) < count:
            raise unreadable(_COMPANY)  # a number that is not listed would count as not owned
        return listed


def _form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields, errors="replace").encode("ascii")


def _object(answer: HttpResponse) -> Mapping[str, Any]:
    if answer.status != 200:
        raise refusal(_COMPANY, answer.status, answer)
    value = read_json(_COMPANY, answer)
    if not isinstance(value, dict):
        raise unreadable(_COMPANY)
    return value


def _owned(msisdn: str, entry: Mapping[str, Any]) -> OwnedNumber:
    def text(name: str) -> str:
        value = entry.get(name)
        return value if isinstance(value, str) else ""

    features = entry.get("features")
    return OwnedNumber(
        msisdn=msisdn,
        country=text("country"),
        inbound_url=text("moHttpUrl"),
        features=frozenset(each for each in features if isinstance(each, str))
        if isinstance(features, list)
        else frozenset(),
    )


_: type[SmsProvider] = NexmoClient
