"""An attestor of a live bridge whose key is in a token: nothing is minted without it, and it is killed on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pkcs11
import pytest

from tests.bridge.softhsm import LABEL, SoftHsm
from tests.devnet.bridge_flow import ALICE
from tests.devnet.bridge_net import PARTICIPANTS, BridgeNet
from tests.devnet.bridge_stranger import som
from tests.devnet.test_bridge import until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.nightly
@pytest.mark.timeout(280)
async def test_b9_an_attestor_signs_by_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: an HSM in production is no other process. Method: three of four attestors, one by its token; it is killed between two locks."""
    monkeypatch.setenv("SOFTHSM2_CONF", "")
    token = tmp_path / "token"
    token.mkdir()
    hsm = SoftHsm(token)
    async with BridgeNet(tmp_path, 22200) as net:
        hsm.keep(net.keys[0].secret.to_bytes(32, "big"))
        pkcs11.lib(hsm.module).finalize()  # the token is the process's from here on
        folder = tmp_path / PARTICIPANTS[0]
        config = folder / "bridge.toml"
        key = f'[key]\nmodule = "{hsm.module}"\ntoken = "{LABEL}"\nlabel = "attestor"\npin_file = "{hsm.pin_file}"\n'
        config.write_text(config.read_text().split("[key]")[0] + key)
        (folder / "key.json").unlink()
        for name in (*PARTICIPANTS[:3], "relayer"):
            await net.processes[name].start()
        for locked in (1_000, 2_000):
            await net.lock(1_000, ALICE)

            async def minted(amount: int = locked) -> bool:
                return net.held(ALICE) == amount

            await until(net, "Alice has what was locked", minted)
            await net.processes[PARTICIPANTS[0]].kill()
            await net.processes[PARTICIPANTS[0]].start()
        code, out = await som("--config", str(folder / "som.toml"), "bridge", "doctor", str(config))
        assert (code, "WRONG" in out) == (0, False), out
        said = net.processes[PARTICIPANTS[0]].log.read_text()
        assert hsm.pin_file.read_text().strip() not in said
