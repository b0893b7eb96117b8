"""How the epochs of this node's chain ended, for who asks (K23): from its own blocks, or as they were shown to it with its snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.epochs import Epoch as EpochRecord
from ledger.epochs import epoch_key
from node.epochchain import EpochLink, decode_link
from node.store import Table
from node.wire import wire_certificate

if TYPE_CHECKING:
    from node.chain import Chain

_EPOCH_BYTES: Final = 4


def epoch_number_key(epoch: int) -> bytes:
    """Key in `Table.EPOCHS`: four bytes, big-endian."""
    return epoch.to_bytes(_EPOCH_BYTES, "big")


def link_of(chain: Chain, epoch: int) -> EpochLink | None:
    """How an epoch ended, as this node holds it; None where it has not ended here.

    A node that began at a snapshot has the links below it as they were shown to it and checked.
    """
    if not 0 <= epoch < chain.epoch_number:
        return None
    kept = chain.store.get(Table.EPOCHS, epoch_number_key(epoch))
    if kept is not None:
        return decode_link(kept, epoch)
    following = chain.state.get(epoch_key(epoch + 1))
    certificate = chain.boundary_finality(epoch)
    header = None if certificate is None else chain.log.header(chain.epochs.record(epoch).end)
    if certificate is None or header is None or not isinstance(following, EpochRecord):
        return None
    return EpochLink(header, wire_certificate(certificate), following.validators)


def links_from(chain: Chain, first: int, count: int) -> list[EpochLink]:
    """How the epochs from `first` on ended, at most `count` of them, without a gap."""
    links: list[EpochLink] = []
    while len(links) < count and (link := link_of(chain, first + len(links))) is not None:
        links.append(link)
    return links
