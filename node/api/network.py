"""The chain and this node: blocks, validators, status, genesis, health, metrics, and the description of the API itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from node.api.answers import JSON, answer
from node.api.bridge_metrics import bridge_series
from node.api.convert import certificate_hex, header_body
from node.api.errors import NotFound
from node.api.structs import BlockBody, Health, StatusBody, ValidatorBody, Validators
from node.health import not_ready

if TYPE_CHECKING:
    from node.api.arguments import Arguments
    from node.api.service import Service

ZERO = bytes(32)


async def show_block(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/blocks/{height or latest}`: header, and the certificate with the links that make it final (K23)."""
    asked = arguments.text("height")
    height = service.height if asked == "latest" else int(asked)
    block = service.reads.block(height)
    if block is None:
        raise NotFound(f"there is no final block {height} to show: {_why_not(service, height)}")
    finality = service.reads.finality(height)
    body = BlockBody(
        height=height,
        block_id=block.facts.block_id.hex(),
        header=block.stored.header.hex(),
        fields=header_body(block.header),
        certificate="" if finality is None else certificate_hex(finality.certificate),
        links=() if finality is None else tuple(link.hex() for link in finality.links),
        transactions=tuple(receipt.tx_id.hex() for receipt in block.receipts),
    )
    return answer(request, body)


def _why_not(service: Service, height: int) -> str:
    if height == 0:
        return "it is the genesis block: GET /v1/genesis"
    if height <= service.reads.began:
        return f"it is before this node's snapshot at height {service.reads.began}; ask a node that has every block"
    return f"the newest final block is {service.height}"


async def validators(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/validators`."""
    entries = service.reads.validators
    last = service.reads.last_signed()
    bodies = tuple(
        ValidatorBody(index, entry.participant, entry.consensus_key.hex(), entry.node_key.hex(), entry.endpoint, last[index])
        for index, entry in enumerate(entries)
    )
    return answer(request, Validators(service.node.epoch, len(entries) - (len(entries) - 1) // 3, bodies, service.height))


async def status(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/status`."""
    reads, node, tip = service.reads, service.node, service.reads.tip
    header = tip.header
    roots = (ZERO,) * 4
    if header is not None:
        roots = (header.transactions_root, header.participants_root, header.assets_root, header.governance_root)
    body = StatusBody(
        chain=reads.chain_id.hex(),
        network=reads.network,
        node=node.name,
        version=node.version,
        role=node.role,
        height=tip.facts.height,
        committed_height=reads.committed_height,
        view=node.view,
        final_view=node.final_view,
        final_block=tip.facts.block_id.hex(),
        time_ms=tip.facts.time_ms,
        transactions_root=roots[0].hex(),
        participants_root=roots[1].hex(),
        assets_root=roots[2].hex(),
        governance_root=roots[3].hex(),
        peers=node.peers_connected,
        peers_known=node.peers_known,
        syncing=node.syncing,
        pending=service.pool.count,
        peers_denied=node.peers_denied,
    )
    return answer(request, body)


async def genesis(service: Service, _request: web.Request, _arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/genesis`: the document as reviewed; its canonical bytes hash to the chain id."""
    return web.Response(text=service.reads.genesis_json, content_type=JSON)


async def healthz(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /healthz`: the process answers; whether it is useful is `/readyz`."""
    return answer(request, Health("ok", (), service.height))


async def readyz(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /readyz`: 503 with reasons while the node should get no clients."""
    reasons = not_ready(service.reads, service.node, service.diagnosis.silenced)
    if reasons:
        return answer(request, Health("not ready", reasons, service.height), status=503)
    return answer(request, Health("ok", (), service.height))


async def metrics(service: Service, _request: web.Request, _arguments: Arguments) -> web.StreamResponse:
    """`GET /metrics`: Prometheus text."""
    bridges = bridge_series(service.reads.state, service.height, service.reads.tip.facts.time_ms)
    return web.Response(body=service.metrics.render(service) + bridges, content_type="text/plain", charset="utf-8")


async def openapi(service: Service, _request: web.Request, _arguments: Arguments) -> web.StreamResponse:
    """`GET /openapi.json`."""
    return web.Response(body=service.openapi, content_type=JSON)
