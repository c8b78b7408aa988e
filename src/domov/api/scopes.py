"""What a key needs for each route: one table. A route that is not in it does not exist for callers.

The first row that fits method and path counts, so exceptions stand above what they are exceptions from. A path that
ends in `/*` is everything below it. HEAD goes where GET goes; SOCKET is a web socket. `tests/api/test_scopes.py` holds
every route of the server against this table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from domov.access.keys import Scope

SOCKET = "SOCKET"  # stands where other requests have a method
Needed = Scope | Literal["open"]

# Who runs the server and who may call it.
ADMIN = """
POST              /api/domov/setup
GET POST          /api/domov/users
PATCH DELETE      /api/domov/users/*
POST              /api/domov/users/*
GET POST          /api/domov/groups
PUT DELETE        /api/domov/groups/*
GET POST          /api/domov/invitations
DELETE            /api/domov/invitations/*
GET               /api/domov/audit
GET               /api/domov/backup
POST              /api/domov/backup/restore
GET PATCH         /api/domov/settings
GET POST DELETE   /api/domov/keys
GET POST DELETE   /api/domov/keys/*
GET POST          /slots
GET POST          /slots/*
POST              /api/domov/documents
PUT               /api/domov/offline
GET               /api/domov/connections
"""
# What changes, fetches or ends models for everybody, or makes connections, or tells of all that goes on.
MODELS = """
GET               /metrics
POST              /lora-adapters
GET POST          /api/domov/jobs
GET POST DELETE   /api/domov/jobs/*
GET               /api/domov/machine
GET               /api/domov/machine/*
GET POST          /api/domov/downloads
GET POST DELETE   /api/domov/downloads/*
GET               /api/domov/search
GET               /api/domov/variants
DELETE            /api/domov/models
PUT               /api/domov/parameters
GET               /api/domov/fit
POST              /api/domov/unload
POST              /api/pull
POST              /api/push
POST              /api/create
POST              /api/copy
DELETE            /api/delete
GET POST          /api/blobs/*
DELETE            /v1/models/*
POST              /models/*
DELETE            /models/*
POST              /models
POST              /props
PUT               /api/v1/model
PUT               /api/v1/config/*
PUT               /api/latest/model
PUT               /api/latest/config/*
GET POST          /api/admin/*
POST              /api/v1/models/load
POST              /api/v1/models/unload
GET POST DELETE   /api/v1/models/download
GET POST DELETE   /api/v1/models/download/*
SOCKET            /llm
SOCKET            /embedding
"""
# Asking models, and seeing which there are.
INFERENCE = """
GET               /docs
GET               /docs/*
GET               /openapi.json
GET POST DELETE   /v1/*
POST              /rerank
POST              /reranking
POST              /completion
POST              /completions
POST              /chat/completions
POST              /embedding
SOCKET            /system
POST              /embeddings
POST              /tokenize
POST              /detokenize
POST              /apply-template
POST              /infill
GET               /lora-adapters
GET               /models
GET               /models/*
GET               /props
POST              /api/generate
POST              /api/chat
POST              /api/embed
POST              /api/embeddings
POST              /api/show
GET               /api/tags
GET               /api/ps
GET               /api/version
GET POST PUT      /api/v1/*
GET POST          /api/v0/*
GET POST PUT      /api/latest/*
GET POST          /api/extra/*
GET POST          /sdapi/*
DELETE            /api/domov/session
POST              /api/domov/session/password
POST PUT DELETE   /api/domov/session/totp
GET POST          /api/domov/session/keys
POST DELETE       /api/domov/session/keys/*
GET DELETE        /api/domov/sessions
DELETE            /api/domov/sessions/*
GET               /api/domov/models/*
GET               /api/domov/documents
GET POST PUT DELETE /api/domov/documents/*
GET               /api/domov/tools
GET POST          /api/domov/tools/*
GET               /api/domov/loaded
GET               /api/domov/page
POST              /api/domov/load
POST              /api/domov/forget
GET               /api/domov/models
GET               /api/domov/parameters
GET               /api/domov/usage
GET               /api/domov/offline
GET POST          /api/domov/chats
GET POST PUT PATCH DELETE /api/domov/chats/*
POST              /api/domov/attachments
GET               /api/domov/attachments/*
GET POST          /api/domov/assistants
PATCH DELETE      /api/domov/assistants/*
"""
# Without a key: that the server runs, the ways to log in, and the page's files, which are the same for everybody.
OPEN = """
GET POST          /api/domov/session
GET               /api/domov/setup
POST              /api/domov/invitation
POST              /api/domov/invitation/accept
GET               /api/domov/oidc/start
GET               /api/domov/oidc/callback
GET               /
GET               /home
GET               /home/*
GET               /assets/*
GET               /diagram
GET               /favicon.svg
GET               /icon-192.png
GET               /icon-512.png
GET               /manifest.webmanifest
GET               /sw.js
GET               /theme.js
GET               /healthz
GET               /health
GET               /v1/health
GET               /lmstudio-greeting
"""


@dataclass(frozen=True, slots=True)
class Rule:
    needs: Needed
    methods: tuple[str, ...]
    path: str

    def fits(self, path: str) -> bool:
        return path.startswith(self.path[:-1]) if self.path.endswith("/*") else path == self.path


def _rules() -> Iterator[Rule]:
    tables: tuple[tuple[Needed, str], ...] = (
        ("open", OPEN),
        ("admin", ADMIN),
        ("models", MODELS),
        ("inference", INFERENCE),
    )
    for needs, table in tables:
        for line in table.strip().splitlines():
            *methods, path = line.split()
            yield Rule(needs, (*methods, "HEAD") if "GET" in methods else tuple(methods), path)


RULES = tuple(_rules())


@lru_cache(4096)
def rule_of(method: str, path: str) -> Rule | None:
    return next((rule for rule in RULES if method in rule.methods and rule.fits(path)), None)


def other_methods(path: str) -> bool:
    """Whether a path is known, with whatever method."""
    return any(rule.fits(path) for rule in RULES)
