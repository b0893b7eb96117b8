"""Refusals of the rules about people: who may have an asset, how much, and what a payment must say of them (L16, L18, L25)."""

from __future__ import annotations

from ledger.refusals import Ordered


class NotEligible(Ordered):
    """The account, or the person behind it, may not have the asset or be paid in it."""

    code = 132
    sentence = "{account} is not eligible: {reason}"


class LimitBalance(Ordered):
    """The holder would have more of the asset, over all its wallets, than its tier may."""

    code = 154
    sentence = "the holder of {account} would have more {asset} than its tier may"


class LimitTransaction(Ordered):
    """The holder would spend more in one transaction than its tier may."""

    code = 155
    sentence = "the holder of {account} would spend {total} {asset} in one transaction; its tier may spend {most}"


class LimitWindow(Ordered):
    """The holder would spend more in a day or month than its tier may."""

    code = 156
    sentence = "the holder of {account} would spend more {asset} in {window} than its tier may, which is {most}"


class TravelRequired(Ordered):
    """A payment between customers of different participants is so large that travel data must come along."""

    code = 157
    sentence = "{amount} {asset} to a customer of {participant} needs travel data for {participant}, from {least} on"


class TravelInvalid(Ordered):
    """Travel data is given for a participant that needs none."""

    code = 158
    sentence = "there is travel data for {participant}, whose customers get no payment that needs it"
