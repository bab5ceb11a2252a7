"""Scripts that others wrote: committed as they were published, with their versions and digests.

    python tools/vendor.py check    exit 1 where a file is not what the manifest says
    python tools/vendor.py fetch    fetch every file anew, with the npm client, and note its digest

Running Plazo needs neither npm nor Node: only whoever takes a newer version does.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import tomlkit

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src" / "plazo" / "core" / "static" / "plazo" / "vendor"
MANIFEST = FOLDER / "manifest.toml"


def _manifest() -> Any:
    return tomlkit.parse(MANIFEST.read_text(encoding="utf-8"))


def faults() -> list[str]:
    """Return what in the folder is not as the manifest says."""
    scripts = {entry["file"]: entry["sha256"] for entry in _manifest()["script"]}
    there = {path.name: path for path in FOLDER.glob("*.js")}
    found = [f"{name} is not in the manifest" for name in sorted(there.keys() - scripts.keys())]
    for name, digest in scripts.items():
        if name not in there:
            found.append(f"{name} is missing")
        elif hashlib.sha256(there[name].read_bytes()).hexdigest() != digest:
            found.append(f"{name} is not the file that was published")
    return found


def fetch() -> None:
    """Fetch the version that the manifest names of every script."""
    manifest = _manifest()
    for entry in manifest["script"]:
        with tempfile.TemporaryDirectory() as folder:
            wanted = f"{entry['package']}@{entry['version']}"
            subprocess.run(["npm", "pack", "--silent", wanted], cwd=folder, check=True)  # noqa: S607
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
                member = package.extractfile(f"package/{entry['path']}")
                assert member is not None
                content = member.read()
        (FOLDER / entry["file"]).write_bytes(content)
        entry["sha256"] = hashlib.sha256(content).hexdigest()
    MANIFEST.write_text(tomlkit.dumps(manifest), encoding="utf-8")


def main(do: str) -> int:
    if do == "fetch":
        fetch()
    found = faults()
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
