"""Several nodes of one chain as one: what they must tell alike, and what has been final once (B6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from bridge.errors import ChainUnreachable, FinalityBroken, NotFinal, ProvidersDiffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bridge.chains import ForeignBlock


class Provider(Protocol):
    """A node."""

    url: str
    """As it may be shown."""


N = TypeVar("N", bound=Provider)
T = TypeVar("T")


class Providers(Generic[N]):
    """Nodes that are asked the same; `agree` of them must answer, or all where there are fewer."""

    def __init__(self, nodes: Sequence[N], agree: int = 1) -> None:
        if not nodes:
            raise AssertionError("a chain without nodes")
        self._nodes = tuple(nodes)
        self._agree = max(1, min(agree, len(self._nodes)))

    def __iter__(self) -> Iterator[N]:
        return iter(self._nodes)

    def answers(self, ask: Callable[[N], T]) -> list[tuple[str, T]]:
        """Return what each node that answers says, with its URL.

        Raises
        ------
        ChainUnreachable
            Too few do.
        """
        answers: list[tuple[str, T]] = []
        silent: ChainUnreachable | None = None
        for node in self._nodes:
            try:
                answers.append((node.url, ask(node)))
            except ChainUnreachable as problem:
                silent = problem
        if silent is not None and len(answers) < self._agree:
            raise silent
        return answers

    def agreed(self, what: str, ask: Callable[[N], T]) -> T:
        """Return what all nodes that answer say.

        Raises
        ------
        ProvidersDiffer
            Two say different things.
        """
        (first, said), *others = self.answers(ask)
        for url, other in others:
            if other != said:
                raise ProvidersDiffer(what=what, urls=(first, url))
        return said

    def first(self, ask: Callable[[N], T]) -> T:
        """Return what the first node that answers says: for what needs no agreement."""
        problem: ChainUnreachable | None = None
        for node in self._nodes:
            try:
                return ask(node)
            except ChainUnreachable as silent:
                problem = silent
        raise problem or AssertionError("nodes that neither answer nor fail")


class FinalHead:
    """The newest final block that was seen; it never goes back."""

    def __init__(self) -> None:
        self.newest: ForeignBlock | None = None

    def move(self, number: int, at: Callable[[int], ForeignBlock]) -> ForeignBlock:
        """Take block `number` for the newest final one, unless a newer one was; see that the one before still stands.

        Raises
        ------
        FinalityBroken
            Another block stands where it was.
        """
        before = self.newest
        if before is not None and number < before.number:
            return before  # a node that fell behind; what was final stays so
        if before is not None and (again := at(before.number)).hash != before.hash:
            raise FinalityBroken(number=before.number, was=before.hash, now=again.hash)
        self.newest = at(number)
        return self.newest

    def check(self, number: int, final: Callable[[], ForeignBlock]) -> None:
        """See that a block is final; what was once is asked no more.

        Raises
        ------
        NotFinal
            It is not.
        """
        if (self.newest is None or number > self.newest.number) and number > (newest := final().number):
            raise NotFinal(number=number, final=newest)
