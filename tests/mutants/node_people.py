"""Looking people up, broken on purpose: signed requests, who may, and the record of it (L16)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

HOLDERS = "tests/node/test_holders.py"
RETURNS = "tests/node/test_api_returns.py"

CALLERS = "node/callers.py"
AUDIT = "node/audit.py"
LOG = "node/auditlog.py"
API = "node/api/holders.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "L16",
        "a_signature_of_any_request_will_do",
        CALLERS,
        "if not verify(claim.public_key, message, claim.signature):",
        "if not message:",
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "requests_are_signed_without_their_body",
        CALLERS,
        "        sha256(body).digest(),\n",
        '        sha256(b"").digest(),\n',
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "requests_are_good_on_every_chain",
        CALLERS,
        "    whole = (\n        chain,\n",
        "    whole = (\n        bytes(32),\n",
        (HOLDERS,),
    ),
    Mutant("L16", "a_request_can_be_repeated", CALLERS, "        if key in self._seen:\n", "        if key is None:\n", (HOLDERS,)),
    Mutant(
        "L16",
        "a_request_never_gets_old",
        CALLERS,
        "if abs(claim.time_ms - now_ms) > WINDOW_MS:",
        "if claim.time_ms - now_ms > WINDOW_MS:",
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "requests_are_remembered_without_end",
        CALLERS,
        "        if len(self._seen) >= NONCES_MAX:\n",
        "        if not key:\n",
        (HOLDERS,),
    ),
    Mutant(
        "L29",
        "the_suspended_may_ask",
        CALLERS,
        'participant.status != "active" or not isinstance(record',
        "not isinstance(record",
        (HOLDERS,),
    ),
    Mutant(
        "L16", "every_keyset_of_the_operator_looks", CALLERS, "and caller.keyset in (OPS, COMPLIANCE):", "and caller.keyset:", (HOLDERS,)
    ),
    Mutant(
        "L16",
        "a_limited_grant_shows_everybody",
        CALLERS,
        " and not (grant.scope.asset or grant.scope.participant or grant.scope.account)",
        "",
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "a_grant_shows_before_it_begins",
        CALLERS,
        "if not grant.not_before <= block_ms or 0 < grant.until <= block_ms:",
        "if 0 < grant.until <= block_ms:",
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "banks_look_people_up",
        API,
        "    if not may_audit(service.reads.state, caller, service.reads.tip.facts.time_ms):\n",
        "    if not caller.keyset:\n",
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "searches_leave_no_record",
        API,
        '    await record_look(service, caller, "find", name, arguments.text("reason"), found=holder is not None)\n',
        "",
        (HOLDERS,),
    ),
    Mutant("L16", "any_keyset_asks_for_pseudonyms", API, "    if caller.keyset != OPS:\n", "    if not caller.keyset:\n", (HOLDERS,)),
    Mutant(
        "L16",
        "a_bank_is_told_of_other_banks",
        API,
        'start = f"~pseudonyms/{holder}/{participant}/"',
        'start = f"~pseudonyms/{holder}/" + participant[:0]',
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "banks_share_a_pseudonym",
        "node/registry.py",
        'PSEUDONYM_TAG + participant.encode() + b"\\x00" + holder',
        "PSEUDONYM_TAG + holder",
        (HOLDERS,),
    ),
    Mutant(
        "L16", "every_node_answers", "node/registry.py", "and self._node_key in operator.node_keys", "and bool(self._node_key)", (HOLDERS,)
    ),
    Mutant(
        "L16",
        "records_are_not_bound_to_each_other",
        AUDIT,
        "if (record.number, record.previous) != (number, previous):",
        "if record.number != number:",
        (HOLDERS,),
    ),
    Mutant(
        "L16",
        "a_torn_record_stays_in_the_way",
        LOG,
        "        if self._end < len(data):\n",
        "        if self._end > len(data):\n",
        (HOLDERS,),
    ),
    Mutant(
        "L18",
        "a_refused_return_is_a_return",
        "node/reads.py",
        " and each.receipt.code == 0 and returned_by",
        " and returned_by",
        (RETURNS,),
    ),
)
