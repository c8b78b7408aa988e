"""schemathesis sends what the description of the API allows, and what it does not, to every route of a real server.

It finds no 5xx, no status that is not described, and no answer of another form than described. By hand for longer:
`make fuzz`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.api.conftest import LITTLE, Server

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "2")  # for each route
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# They would take away or change the model that the others need, or look for models elsewhere; KoboldCpp's answer 501
# for what there is no engine for, whatever the method.
LEFT_OUT = (
    "delete",
    "pull",
    "download",
    "/api/admin",
    "/domov/models",
    "/domov/parameters",
    "/domov/offline",
    "/domov/search",
    "/domov/variants",
    # The first account shuts everybody else out; a restore or a setting changes the server; events have no end.
    "/domov/setup",
    "/domov/backup",
    "/domov/restore",
    "/domov/settings",
    "/events",
)


def with_model(part: Any) -> Any:
    """The description with the one model that is there as the only one, so that requests get as far as the model."""
    if isinstance(part, list):
        return [with_model(one) for one in part]
    if not isinstance(part, dict):
        return part
    changed = {key: with_model(value) for key, value in part.items()}
    fields = changed.get("properties")
    if isinstance(fields, dict) and isinstance(fields.get("model"), dict):
        fields["model"] = {"enum": [LITTLE]}
    return changed


def test_schemathesis_finds_nothing(fake: Server, tmp_path: Path) -> None:
    document = httpx2.get(f"{fake.url}/openapi.json").json()
    told = document["components"]["schemas"]
    schemas = {name: schema if name.startswith("answer.") else with_model(schema) for name, schema in told.items()}
    paths = {path: one for path, one in document["paths"].items() if not any(word in path for word in LEFT_OUT)}
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document | {"components": {"schemas": schemas}, "paths": paths}))
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", str(file), "--url", fake.url]
    command += ["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", EXAMPLES]
    command += ["--request-timeout", "60"]  # a machine is measured in seconds
    command += ["--seed", "1", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
