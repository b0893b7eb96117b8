"""All kinds of villains, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.villains.conflicter import Conflicter
from tests.simulation.villains.equivocator import Equivocator
from tests.simulation.villains.impersonator import Impersonator
from tests.simulation.villains.invalid_signatures import InvalidSignatures
from tests.simulation.villains.nuller import Nuller
from tests.simulation.villains.nullify_only import NullifyOnly
from tests.simulation.villains.old_image import OldImage
from tests.simulation.villains.outdated import Outdated
from tests.simulation.villains.reconfigurer import Reconfigurer
from tests.simulation.villains.stage import Played, Stage
from tests.simulation.villains.two_bodies import TwoBodies
from tests.simulation.villains.withholder import Withholder

if TYPE_CHECKING:
    from tests.simulation.villains.villain import Villain

KINDS: dict[str, type[Villain]] = {
    "conflicter": Conflicter,
    "equivocator": Equivocator,
    "two_bodies": TwoBodies,
    "impersonator": Impersonator,
    "nuller": Nuller,
    "nullify_only": NullifyOnly,
    "outdated": Outdated,
    "reconfigurer": Reconfigurer,
    "invalid_signatures": InvalidSignatures,
    "withholder": Withholder,
    "old_image": OldImage,
}


def play(kind: str, validators: int, seed: int, views: int) -> Played:
    """Run one seed of one kind."""
    return Stage(KINDS[kind], validators, seed, views).play(seed)
