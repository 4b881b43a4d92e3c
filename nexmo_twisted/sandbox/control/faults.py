"""Trouble as JSON over HTTP: which requests the companies answer wrongly, and what becomes of receipts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from klein import Klein
from twisted.web.http import Request
from twisted.web.resource import Resource

from nexmo_twisted.sandbox.control.commands import obey, refuse_politely
from nexmo_twisted.sandbox.http.faults import Fault, Faults
from nexmo_twisted.sandbox.http.messages import json_response
from nexmo_twisted.sandbox.http.serving import write
from nexmo_twisted.sandbox.json_fields import members
from nexmo_twisted.sandbox.nexmo.receipt_plan import ReceiptPlan
from nexmo_twisted.sandbox.nexmo.simulator import SimulatedNexmo

_HANDSET = re.compile(r"([0-9]{7,15})?")


class FaultsApi:
    """Serves ``/faults`` and ``/receipts``."""

    app = Klein()
    refuse_politely(app)

    def __init__(self, nexmo: SimulatedNexmo, faults: Faults) -> None:
        self._nexmo = nexmo
        self._faults = faults

    @property
    def resource(self) -> Resource:
        """The root of the API, for a parent resource."""
        return self.app.resource()

    @app.route("/faults", methods=["GET"])
    def faults(self, request: Request) -> bytes:
        """The faults in force, each with the number of requests it has met so far."""
        return write(request, json_response(200, {"faults": self._faults.as_json()}))

    @app.route("/faults", methods=["POST"])
    def add_fault(self, request: Request) -> bytes:
        """One more fault; the members are those of :class:`Fault`."""

        def add(**members: object) -> Mapping[str, Any]:
            self._faults.add(Fault.from_json(members))
            return {}

        return obey(request, add, more=members(Fault), status=201)

    @app.route("/faults", methods=["DELETE"])
    def clear_faults(self, request: Request) -> bytes:
        self._faults.clear()
        return write(request, json_response(200, {}))

    @app.route("/receipts", methods=["POST"])
    def plan_receipts(self, request: Request) -> bytes:
        """What delivery receipts come from now on, all members being those of :class:`ReceiptPlan`::

            {"handset": "12015550112", "statuses": ["buffered", "failed"], "err_code": "6",
             "early": false, "times": 1, "delay": 30, "client_ref": true}

        Each may be left out and then has its default: one receipt, ``delivered``, right after the answer.
        ``{"statuses": []}`` switches receipts off. Without ``handset`` it is for all that have no plan of their own.
        """

        def plan(handset: object = "", **members: object) -> Mapping[str, Any]:
            if not isinstance(handset, str) or not _HANDSET.fullmatch(handset):
                raise ValueError("handset must be a phone number in digits")
            made = ReceiptPlan.from_json(members)
            if handset:
                self._nexmo.receipts_of[handset] = made
            else:
                self._nexmo.receipts = made
            return {}

        return obey(request, plan, more=("handset", *members(ReceiptPlan)))

    @app.route("/receipts", methods=["DELETE"])
    def forget_receipt_plans(self, request: Request) -> bytes:
        """Every handset has the default receipts again."""
        self._nexmo.receipts = ReceiptPlan()
        self._nexmo.receipts_of.clear()
        return write(request, json_response(200, {}))
