"""A desk on a live devnet: `som` as people use it, in this process; and the network with everybody whom the profiles name."""

from __future__ import annotations

import io
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from cli.main import main
from cli.profile_document import ready_made
from cli.times import now_ms, parse_length
from node.keystore import Cost
from node.plan import ParticipantPlan, trial_plan, with_ports
from node.provision import provision

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.participants import ParticipantKind
    from node.provision import Provisioned

CHEAP = Cost(memory_kib=8_192, iterations=1, lanes=1)
"""The least a key file may say: tests need no protection."""
PEOPLE: dict[str, ParticipantKind] = {
    "state-issuer": "issuer",
    "ministry": "other",
    "auditor": "other",
    "source-1": "other",
    "source-2": "other",
    "source-3": "other",
    "observer": "other",
    "company": "issuer",
    "trust-bank": "bank",
    "consortium": "issuer",
}
END_SECONDS_MAX = 150.0


class Broken(AssertionError):
    """Something went otherwise than the profile says."""


def make_network(folder: Path, port_base: int) -> Provisioned:
    """Write a network of four validators: the devnet's people, and those of the profiles."""
    plan = trial_plan(4, 0, name="som-profiles")
    more = tuple(ParticipantPlan(name, kind, f"{name} (test)") for name, kind in PEOPLE.items())
    return provision(folder, with_ports(replace(plan, participants=(*plan.participants, *more)), port_base), cost=CHEAP)


class Desk:
    """Runs commands one after the other."""

    def __init__(self, folder: Path, profile: Path) -> None:
        self.folder, self.profile = folder, profile
        self.pace = 0.0
        """Seconds that a command took at the beginning: how busy this machine is."""

    def som(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error of a command; whoever is asked says yes."""
        out, err, asked = io.StringIO(), io.StringIO(), sys.stdin
        sys.stdin = io.StringIO("y\n")
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main(["--config", str(self.profile), *arguments])
        finally:
            sys.stdin = asked
        return code, out.getvalue(), err.getvalue()

    def good(self, *arguments: str) -> dict[str, object]:
        """JSON result of a command that must end well; raises Broken."""
        code, out, err = self.som(*arguments, "--json")
        if code:
            raise Broken(f"som {' '.join(arguments)} ended with {code}: {err}{out}")
        return msgspec.json.decode(out, type=dict[str, object])

    def done(self, *arguments: str) -> None:
        """Send a transaction that must be final and in effect; raises Broken."""
        self.good(*arguments, "--wait")

    def refused(self, words: str, *arguments: str) -> None:
        """Send a transaction that the network, or the device, must refuse with these words; raises Broken."""
        code, out, err = self.som(*arguments, *(() if arguments[0] == "purse" else ("--wait",)))
        if code != 1 or words not in err:
            raise Broken(f"som {' '.join(arguments)} ended with {code}, not with {words}: {err}{out}")

    def shows(self, words: str, *arguments: str) -> None:
        """Run a command that must show these words; raises Broken."""
        _, out, err = self.som(*arguments)
        if words not in out:
            raise Broken(f"som {' '.join(arguments)} does not show {words}: {err}{out}")

    def equal(self, what: str, found: object, wanted: object) -> None:
        """Compare; raises Broken."""
        if found != wanted:
            raise Broken(f"{what}: {found}, not {wanted}")

    def asset(self, code: str) -> dict[str, object]:
        """Tell what stands behind an asset."""
        return self.good("reserve", "show", code)

    def balance(self, account: str, code: str) -> int:
        """Minor units that are posted."""
        balances = msgspec.convert(self.good("account", "show", account)["balances"], list[dict[str, str | int]])
        return next((int(each["posted"]) for each in balances if each["asset"] == code), 0)

    def apply(self, profile: str, *arguments: str, words: tuple[tuple[str, str], ...] = ()) -> None:
        """Apply a profile, with some words of it changed; the second time nothing may be left to do."""
        named = profile
        if words:
            text = ready_made()[profile]
            for old, new in words:
                if old not in text:
                    raise Broken(f"profile {profile} does not say {old}")
                text = text.replace(old, new)
            path = self.folder / f"{profile}.toml"
            path.write_text(text)
            named = str(path)
        self.good("profile", "apply", named, *arguments)
        self.equal(f"steps left of {profile}", self.good("profile", "apply", named, *arguments)["steps"], [])

    def apply_by_votes(self, *arguments: str, issuer: str) -> None:
        """Apply a profile by proposals: what builds on others comes after their votes; repeated meanwhile, nothing is opened twice."""
        apply = ("profile", "apply", *arguments, "--issuer", issuer, "--propose")
        root = ("operator/board", "operator/ops")
        for types in (["define"], ["grant", "grant"]):
            opened = msgspec.convert(self.good(*apply)["steps"], list[dict[str, object]])
            self.equal("proposals", [str(each["step"]).split()[0] for each in opened], types)
            again = msgspec.convert(self.good(*apply)["steps"], list[dict[str, object]])
            self.equal("proposals opened again", [each["tx_id"] for each in again], [each["tx_id"] for each in opened])
            for each in opened:
                for keyset in (f"{issuer}/ops", *root) if types == ["define"] else root:
                    self.done("proposal", "approve", str(each["tx_id"]), "--keyset", keyset, "--yes")
        self.equal("steps left", self.good(*apply)["steps"], [])

    def ago(self, length: str) -> str:
        """Point in time so long ago, in UTC."""
        return datetime.fromtimestamp((now_ms() - parse_length(length)) / 1_000, UTC).isoformat(timespec="milliseconds")

    def alone(self, *keys: str) -> str:
        """Keystore with these keys only: another machine."""
        folder = self.folder / "-".join(keys)
        folder.mkdir(exist_ok=True)
        for key in keys:
            (folder / f"{key}.json").write_bytes((self.profile.parent / "keystore" / f"{key}.json").read_bytes())
        return str(folder)

    def wait_until_expired(self, code: str) -> None:
        """Wait until the sweep of an asset that ends is done; raises Broken."""
        deadline = time.monotonic() + END_SECONDS_MAX
        while (found := self.good("asset", "show", code))["state"] != "expired":
            if time.monotonic() > deadline:
                raise Broken(f"{code} did not end: {found}")
            time.sleep(0.1)
