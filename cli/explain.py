"""What the refusals of a receipt mean to the person at the keyboard, and what to do about them.

A receipt carries a code and no text, since text is no part of consensus; the sentences are made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BY_CODE

if TYPE_CHECKING:
    from collections.abc import Mapping

ADVICE: Mapping[int, str] = {
    105: "the reference belongs to another transaction: choose a new --ref",
    111: "a signature is missing: every debited party and the whole quorum must sign (--sign OWNER/KEYSET, or `sign` in the profile)",
    112: "no active grant allows the sender this: ask who may give it (`som grant put`), or send --as a participant that has it",
    113: "the quota of the grant is used up for this window: wait for the next one, or ask for a larger quota",
    114: "the grant would have ended before it begins: choose a later --until",
    115: "who issues an asset must not attest its reserve, nor what of it is locked abroad: give one of the grants to somebody else",
    120: "there is no such participant: `som participant list` shows those there are",
    121: "a participant that this concerns is suspended or closed: its successor acts for it, if it has one (`som participant show`)",
    122: "there is no such account: check the spelling (participant/local), or open it with `som account open`",
    123: "the account is closed, or closing and takes nothing more",
    124: "the kind of the account does not allow this: contra and fee accounts take part in issue and redeem only",
    125: "the name is taken already: choose another one",
    126: "the account still has value or open holds: empty it first",
    127: "a count limit is reached, such as 256 open holds of an account",
    128: "a key or keyset cannot be used: each key is in one keyset only, m must last 30 days, or a recovery waits (`som keyset show`)",
    130: "there is no such asset: `som asset list` shows those there are",
    131: "a pause stops this for now: `som order list ledger`, and the same of the asset and the participants, tells until when",
    132: "the account may not have this asset: no tier of its policy covers the holder, or `receive` wants a class (`som asset show`)",
    133: "this field never changes once there is a supply",
    140: "a total would have more than 18 digits",
    142: "the transaction has more legs than this network allows now",
    143: "the fee is not that of the asset's rule any more: send it again, the fee is then quoted anew",
    150: "the account has not enough available: `som account show` gives posted, held and available",
    151: "what the account has beside its arrested value does not suffice: `som order list account ID` shows the arrests",
    152: "an order stops debits of the account: `som order list account ID` shows it, only its maker lifts it",
    153: "an order stops credits to the account: `som order list account ID` shows it, only its maker lifts it",
    154: "the payee would have more than its tier may: `som asset show` gives the limits",
    155: "more than the payer's tier may spend in one transaction: `som asset show` gives the limits",
    156: "more than the payer's tier may spend in this day or month (business dates, UTC+6): wait for the next one",
    157: "so much between customers of different participants needs travel data: --travel PARTICIPANT:STANDARD:HASH, signed by compliance",
    158: "travel data is given for a participant that needs none: leave it out",
    160: "the cap of the asset does not allow so much supply",
    161: "the reserve does not cover so much: `som reserve show ASSET` tells what is eligible; a top-up is attested as a new item",
    162: "an item, or the supply abroad or what is locked there, has to be attested again: `som reserve show ASSET` names what is missing",
    163: "too few sources have reported a price lately: `som reserve price ASSET FEED PRICE` by those that the policy names",
    164: "of an asset with a vault name who pays (issue --from) or is paid (redeem --to); of any other asset nobody",
    170: "there is no such open hold: it was settled, voided, or has lapsed",
    171: "the hold has lapsed, or its --until lies too far ahead",
    172: "a condition is not met: of a hold `som hold show` tells what it asks for (a receipt counts once); of others see the type",
    173: "more was asked for than is left of the hold: `som hold show` gives what is left",
    180: "there is no such order in force: it was lifted, has lapsed, is served, or would end in the past",
    181: "the order does not reach so much: what is left of it, of what is there and not held, less the arrests before it",
    182: "no say in this: of a vote `som proposal show` tells who has one, of an order its maker and grant, of a policy its powers",
    183: "there is no such open proposal: it was carried out, has lapsed, or was never made",
    184: "the proposal would be open too long, or lapses before it begins: choose another --propose-until (30 days at most)",
    190: "it was said, or has happened, already: `som bridge status HASH` tells where the transfer is",
    191: "what an attestor says does not fit the route, the lock or the burn as the ledger has it: `som bridge show ROUTE`",
    192: "a limit of the route: `som bridge quote ROUTE AMOUNT` tells what passes now, and from when on the rest does",
    900: "the ledger found an error of its own and refused: report it to the operator with this id",
}


def explain(code: int) -> str:
    """Name of a code, and one sentence of advice where there is one."""
    known = BY_CODE.get(code)
    name = known.name if known is not None else "of a later version"
    advice = ADVICE.get(code)
    return f"{code} {name}: {advice}" if advice else f"{code} {name}"
