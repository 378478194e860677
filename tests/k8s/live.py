"""Applies every overlay, with and without each component, to a real API server.

python -m tests.k8s.live

KUBE_TOOLS names a folder with the programs `up`, which starts a Kubernetes control plane and prints
its kubeconfig, `apply --timeout SECONDS FOLDER`, which applies a kustomization there and exits 1
when something is refused, dangling or not ready in that time, and `down`. Exits 1 when one of them
does.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.k8s.rendering import K8S, OVERLAYS, variants, write_variant


def main() -> int:
    tools = Path(os.environ.get("KUBE_TOOLS", ""))
    if not os.access(tools / "apply", os.X_OK):
        print(__doc__, file=sys.stderr)
        return 1
    failed = []
    for overlay in OVERLAYS:
        # Each on an empty cluster: what one leaves would hide what the next lacks.
        for added in variants(overlay, pairs=False):
            _start_anew(tools)
            with tempfile.TemporaryDirectory() as folder:
                write_variant(Path(folder), overlay, added)
                if not _applies(tools, folder):
                    failed.append("+".join((overlay, *added)))
    argo_cd = ("argocd", "argocd/develop", "argocd/production")
    failed += [name for name in argo_cd if not _applies(tools, K8S / name)]
    print(f"failed: {', '.join(failed) or 'none'}")
    return len(failed) > 0


def _start_anew(tools: Path) -> None:
    subprocess.run([tools / "down"], check=True)
    subprocess.run([tools / "up"], check=True, stdout=subprocess.DEVNULL)


def _applies(tools: Path, folder: str | Path) -> bool:
    """What it prints goes to the terminal."""
    return (
        subprocess.run([tools / "apply", "--timeout", "150", folder], check=False).returncode == 0
    )


if __name__ == "__main__":
    sys.exit(main())
