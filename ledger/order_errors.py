"""Refusals because of orders (L22, L23, L27, L31): what is paused, arrested or blocked."""

from __future__ import annotations

from ledger.refusals import Ordered


class Paused(Ordered):
    """A pause stops this for now."""

    code = 131
    sentence = "{subject} is paused"


class Arrested(Ordered):
    """What the account has beside its arrested value does not suffice."""

    code = 151
    sentence = "{account} has {available} {asset} beside what is arrested, needs {needed}"


class BlockedDebit(Ordered):
    """An order stops the account from paying."""

    code = 152
    sentence = "order {order} stops debits of {account}"


class BlockedCredit(Ordered):
    """An order stops the account from receiving."""

    code = 153
    sentence = "order {order} stops credits to {account}"


class NoOrder(Ordered):
    """There is no such active order."""

    code = 180
    sentence = "there is no active order {order}"


class OrderAmount(Ordered):
    """The order does not cover this much."""

    code = 181
    sentence = "order {order} allows {most} of {asset} on {account} now, {asked} was asked for"


CLASSES = (Paused, Arrested, BlockedDebit, BlockedCredit, NoOrder, OrderAmount)
