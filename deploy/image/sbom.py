"""Print the software bill of materials of a lock as CycloneDX 1.6: python3 sbom.py LOCK NAME VERSION > sbom.cdx.json.

Each component has the SHA-256 of every file that the lock allows for it, and the condition under which it is installed.
The same lock gives the same bytes.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """Return the components of a lock with hashes, in its order.

    Raises:
        ValueError: a line is neither a pinned requirement, nor a hash of one, nor a comment.
    """
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        text = line.split("#")[0].strip()
        if requirement := _REQUIREMENT.match(text):
            found.append(_component(requirement))
        elif hashes := _HASH.findall(text):
            found[-1]["properties"] += [{"name": "billstream:lock:sha256", "value": one} for one in hashes]
        elif text:
            raise ValueError(f"not a line of a lock with hashes: {text}")
    return found


def _component(requirement: re.Match[str]) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", requirement["name"]).lower()
    purl = f"pkg:pypi/{name}@{requirement['version']}"
    marker = requirement["marker"]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": requirement["version"],
        "purl": purl,
        "properties": [{"name": "billstream:lock:marker", "value": marker}] if marker else [],
    }


def bill(lock: str, name: str, version: str) -> dict[str, Any]:
    """Return the bill of materials of the application `name`."""
    found = components(lock)
    root = f"pkg:pypi/{name}@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, root + lock)}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": root, "name": name, "version": version, "purl": root}
        },
        "components": found,
        "dependencies": [{"ref": root, "dependsOn": [one["bom-ref"] for one in found]}],
    }


if __name__ == "__main__":
    path, application, its_version = sys.argv[1:]
    json.dump(bill(Path(path).read_text("utf-8"), application, its_version), sys.stdout, indent=1)
    sys.stdout.write("\n")
