"""The whole story, played against a running sandbox and told step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

QUESTION = "Bob, are you coming tonight?"
ANSWER = "Yes, I will be there at eight."

#: Seconds between two looks at the state, and for one answer of the sandbox.
PAUSE = 0.5
PATIENCE = 10.0


class _Ended(Exception):
    """The story cannot go on; the text says why."""


async def demo(
    url: str, *, clock: IReactorTime, http: HTTPClient, out: Callable[[str], None], limit: float = 60.0
) -> bool:
    """Ann writes, Bob does not read it, his handset gets an SMS, he answers it, Ann sees the answer.

    ``url`` is where the sandbox is served (without ``/control``), ``out`` prints one line, and ``limit`` is how many
    seconds each step may take. Returns whether all of it happened; if not, the last line says what did not.
    """
    try:
        await _Story(url.rstrip("/"), clock, http, out, limit).play()
    except _Ended as ended:
        out(str(ended))
        return False
    return True


class _Story:
    def __init__(
        self, url: str, clock: IReactorTime, http: HTTPClient, out: Callable[[str], None], limit: float
    ) -> None:
        self._url = url
        self._clock = clock
        self._http = http
        self._out = out
        self._limit = limit

    async def play(self) -> None:
        began = self._clock.seconds()
        if not _registered(await self._state()):
            self._out("Waiting for the service to register with the sandbox ...")
            await self._until(_registered, "No service has registered its webhook and its numbers with the sandbox.")
        before = await self._state()
        conversation = _between(before, "ann", "bob")
        self._out(f'Ann writes to Bob: "{QUESTION}"')
        message = (
            await self._call(
                "POST", "/messages", {"conversation": conversation["id"], "sender": "ann", "text": QUESTION}
            )
        )["id"]
        self._out("Bob does not read it. Waiting for the SMS ...")
        seen = {handset: len(thread) for handset, thread in before["handsets"].items()}
        handset, sms = await self._until(
            lambda state: _new_sms(state, seen), f"No SMS reached Bob's handset within {self._limit:g} seconds."
        )
        self._out(f"Bob's handset {_masked(handset)} gets an SMS from {_masked(sms['number'])}:")
        for line in sms["text"].splitlines():
            self._out(f"    {line}")
        self._out(f'Bob answers it from his handset: "{ANSWER}"')
        await self._call("POST", "/replies", {"handset": handset, "number": sms["number"], "text": ANSWER})
        answer = await self._until(
            lambda state: _answer(state, conversation["id"], message),
            f"Bob's answer did not appear in the conversation within {self._limit:g} seconds.",
        )
        await self._call("POST", "/read", {"message": answer, "user": "ann"})
        self._out("The answer appears in the conversation, from Bob. Ann reads it.")
        self._out(f"That took {self._clock.seconds() - began:.1f} seconds.")

    async def _until(self, look: Callable[[Mapping[str, Any]], Any], otherwise: str) -> Any:
        """Look at the state again and again until ``look`` finds something."""
        deadline = self._clock.seconds() + self._limit
        while True:
            found = look(await self._state())
            if found:
                return found
            if self._clock.seconds() >= deadline:
                raise _Ended(otherwise)
            await deferLater(self._clock, PAUSE)

    async def _state(self) -> Mapping[str, Any]:
        state = await self._call("GET", "/state")
        if not {"conversations", "handsets", "webhooks", "numbers"} <= state.keys():
            raise _Ended(self._stranger)
        return state

    @property
    def _stranger(self) -> str:
        return f"What is running at {self._url} is no sandbox, or not the one this demo is made for."

    async def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        async def exchange() -> tuple[int, bytes]:
            data = None if body is None else json.dumps(body).encode("utf-8")
            response = await self._http.request(method, f"{self._url}/control{path}", data=data)
            return response.code, await response.content()

        try:
            code, content = await Deferred.fromCoroutine(exchange()).addTimeout(PATIENCE, self._clock)
        except CancelledError:
            raise
        except Exception:
            start = "Start one first: twistd -n nexmo --sandbox"
            raise _Ended(f"No sandbox is running at {self._url}. {start}") from None
        try:
            answer = json.loads(content)
        except ValueError:
            raise _Ended(self._stranger) from None
        if not isinstance(answer, dict) or code >= 300:
            raise _Ended(self._stranger)
        return answer


def _registered(state: Mapping[str, Any]) -> bool:
    return any(hook["status"] == "active" for hook in state["webhooks"]) and any(
        number["inbound_url"] for number in state["numbers"].values()
    )


def _between(state: Mapping[str, Any], *users: str) -> Mapping[str, Any]:
    for conversation in state["conversations"]:
        if sorted(conversation["participants"]) == sorted(users) and not conversation["deleted"]:
            found: Mapping[str, Any] = conversation
            return found
    raise _Ended("Ann and Bob have no conversation in this sandbox.")


def _new_sms(state: Mapping[str, Any], seen: Mapping[str, int]) -> tuple[str, Mapping[str, str]] | None:
    """The handset and the SMS that brings the question, if it has arrived since."""
    for handset, thread in state["handsets"].items():
        for sms in thread[seen.get(handset, 0) :]:
            if sms["direction"] == "received" and QUESTION in sms["text"]:
                return handset, sms
    return None


def _answer(state: Mapping[str, Any], conversation_id: str, question: str) -> str | None:
    """The id of Bob's answer, if it stands behind the question."""
    for conversation in state["conversations"]:
        if conversation["id"] == conversation_id:
            ids = [message["id"] for message in conversation["messages"]]
            later = conversation["messages"][ids.index(question) + 1 :] if question in ids else []
            for message in later:
                if message["sender"] == "bob" and message["text"] == ANSWER:
                    return str(message["id"])
    return None


def _masked(number: str) -> str:
    return f"...{number[-4:]}"
