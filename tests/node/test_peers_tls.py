"""TLS of the peer network: the handshake binds the certificate of the connection."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from node.config import ConfigError, PeerConfig
from node.greeting import Identity, greet_server
from node.parts import secure
from node.peers import Peers, client_session
from node.wire import WireError
from tests.node.stations import CHAIN, KEYS, SEEDS, People, Station

if TYPE_CHECKING:
    from pathlib import Path


def key_usage(*, authority: bool) -> x509.KeyUsage:
    """Return what strict verifiers (Python 3.13) want to see: an authority signs certificates, a node signs handshakes."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def authority(folder: Path) -> tuple[Path, Path, Path]:
    """Make an authority and one certificate by it; return certificate, key and authority as PEM files."""
    names, keys, now = [], [], dt.datetime.now(dt.UTC)
    made: list[x509.Certificate] = []
    for name in ("authority", "node"):
        keys.append(ec.generate_private_key(ec.SECP256R1()))
        names.append(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[-1])
            .issuer_name(names[0])
            .public_key(keys[-1].public_key())
            .serial_number(len(names))
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True)
            .add_extension(key_usage(authority=name == "authority"), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[-1].public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
        )
        made.append(builder.sign(keys[0], hashes.SHA256()))
    paths = (folder / "node.pem", folder / "node.key", folder / "authority.pem")
    paths[0].write_bytes(made[1].public_bytes(Encoding.PEM))
    paths[1].write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[2].write_bytes(made[0].public_bytes(Encoding.PEM))
    return paths


async def test_over_tls_the_handshake_binds_the_certificate(tmp_path: Path) -> None:
    """Goal: no relay between two TLS connections. Method: TLS works; a server that signs another hash is refused."""
    certificate, key, root = authority(tmp_path)
    config = PeerConfig(port=0, tls_certificate=str(certificate), tls_key=str(key), tls_authority=str(root))
    secured = secure(config)
    assert secured.certificate_hash != bytes(32)
    for hash_, fits in ((secured.certificate_hash, True), (b"h" * 32, False)):
        server = Station(0)
        server.peers = Peers(Identity(CHAIN, SEEDS[0], hash_), People(), server.tasks)
        server.peers.receiver = server.ears
        await server.peers.listen(config, [], secured.server)
        async with client_session() as session:
            url = f"https://127.0.0.1:{server.peers.port}/peer/v1/stream?lane=votes"
            async with session.ws_connect(url, ssl=secured.client or True) as socket:
                if fits:
                    await greet_server(socket, Identity(CHAIN, SEEDS[1]), KEYS[0])
                else:
                    with pytest.raises(WireError, match="does not hold"):
                        await greet_server(socket, Identity(CHAIN, SEEDS[1]), KEYS[0])
        await server.close()


def test_tls_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    """Goal: one sentence. Method: files that are not there."""
    missing = str(tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="TLS files"):
        secure(PeerConfig(tls_certificate=missing, tls_key=missing, tls_authority=missing))
