"""Form of attest, param.set and validator.set: what bodies must look like on any state. What is refused here is MALFORMED (100)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.attestations import ReadyValue
from ledger.epochs import ViewKey
from ledger.errors import Malformed
from ledger.keysets import check_sorted
from ledger.names import check_participant_id
from ledger.parameters import EPOCH_END, HOLIDAY, VIEW_KEY, check_parameter, is_parameter
from ledger.transactions.backing_forms import check_fact_form
from ledger.transactions.bodies import Attest, ParamSet, ValidatorsSet
from ledger.transactions.bridge_forms import check_word_form

if TYPE_CHECKING:
    from ledger.attestations import Attestation
    from ledger.transactions.bodies import Body

_KEY = re.compile(r"[0-9a-f]{64}")
_ENDPOINT = re.compile(r"(https?://[A-Za-z0-9.:\[\]-]{1,120})?")


def check_governance_form(body: Body) -> None:
    """Check the types that say who validates and within which limits.

    Raises
    ------
    Malformed
        A name or key is none, a value stands twice, is out of range, or belongs to another key.
    """
    match body:
        case ParamSet():
            _check_param_set(body)
        case ValidatorsSet():
            _check_validators(body)
        case Attest():
            _check_attestation(body.attestation)
        case _:
            pass


def check_endpoint(endpoint: str) -> None:
    """Refuse what is no address of a node: `http://HOST:PORT`, `https://HOST`, or empty where it is not said."""
    if _ENDPOINT.fullmatch(endpoint) is None:
        raise Malformed(reason=f"{endpoint!r} is no address of a node, such as https://node.example:8900")


def _check_param_set(body: ParamSet) -> None:
    key, value = body.key, body.value
    if key not in (EPOCH_END, VIEW_KEY) and not is_parameter(key):
        raise Malformed(reason=f"no parameter is called {key!r}")
    if isinstance(value, ViewKey) != (key == VIEW_KEY):
        raise Malformed(reason=f"the value of {key} is of another kind")
    if isinstance(value, ViewKey):
        check_sorted([box_key for box_key, _ in value.copies], "the sealed copies (by box key)")
    elif is_parameter(key):
        try:
            check_parameter(key, value)
        except ValueError as error:
            raise Malformed(reason=str(error)) from None
    if (key in (EPOCH_END, VIEW_KEY) or key.startswith(HOLIDAY)) and body.at_height:
        raise Malformed(reason=f"{key} has a time of its own: at_height must be 0")


def _check_validators(body: ValidatorsSet) -> None:
    for each in body.validators:
        check_participant_id(each.participant)
        check_endpoint(each.endpoint)
    keys = [key for each in body.validators for key in (each.consensus_key, each.node_key)]
    if len(keys) != len(set(keys)):
        raise Malformed(reason="a key stands twice in the set")


def _check_attestation(said: Attestation) -> None:
    check_participant_id(said.by)
    if said.kind == "bridge":
        check_word_form(said)
        return
    if said.kind not in ("ready", "evidence"):
        check_fact_form(said)
        return
    if _KEY.fullmatch(said.subject) is None or said.id != said.subject:
        raise Malformed(reason=f"subject and id of an attestation of kind {said.kind} are the consensus key, in lower-case hex")
    if said.kind == "evidence":
        _check_evidence(said)
        return
    if not isinstance(said.value, ReadyValue) or said.standard:
        raise Malformed(reason="a word of readiness has heights, not a number, and no standard")


def _check_evidence(said: Attestation) -> None:
    if said.value != 0 or said.valid_until or said.standard or not any(said.doc_hash):
        raise Malformed(reason="of evidence there is the SHA-256 of its file (doc_hash), the value is 0, and it has no end and no standard")
