"""HTTP for clients: `/v1`, JSON (MessagePack where a client asks for it), described by `/openapi.json`."""
