"""Compares the connected components of `dinov2 curate components` with scipy's.

Random edges among nodes; both label them, and the partitions must be the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import common
import numpy as np


def scipy_components(path: str, nodes: int, output: str) -> dict[str, float]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.load(path)
    start = time.perf_counter()
    graph = coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), (nodes, nodes))
    count, labels = connected_components(graph, directed=False)
    seconds = time.perf_counter() - start
    np.save(output, labels)
    return {"seconds": seconds, "components": int(count)}


def same_partition(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether each label of one stands for one label of the other."""
    smallest = np.full(theirs.max() + 1, len(theirs))
    np.minimum.at(smallest, theirs, np.arange(len(theirs)))
    return bool((smallest[theirs] == ours).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as-peer", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_peer:
        edges, output = options.as_peer
        return print(json.dumps(scipy_components(edges, options.nodes, output)))

    common.WORK.mkdir(exist_ok=True)
    path = common.WORK / f"edges-{options.edges}-{options.nodes}.npy"
    if not path.exists():
        np.save(path, np.random.default_rng(3).integers(0, options.nodes, (options.edges, 2)))
    labels = [common.WORK / "labels-ours.npy", common.WORK / "labels-theirs.npy"]
    found: dict[str, int] = {}

    def run_ours() -> float:
        result = common.ours(
            ["curate", "components", path, "--nodes", options.nodes, "--output", labels[0]])
        found["ours"] = int(result["components"])
        return float(result["seconds"])

    def run_scipy() -> float:
        result = common.peer(
            "components.py", ["--nodes", options.nodes, "--as-peer", path, labels[1]], 1)
        found["scipy"] = int(result["components"])
        return float(result["seconds"])

    samples = common.take_turns(
        {"dinov2": run_ours, "scipy connected_components": run_scipy}, options.rounds)
    if found["ours"] != found["scipy"] or not same_partition(*map(np.load, labels)):
        sys.exit(f"components: the partitions differ: {found}")
    print(f"{options.edges} edges, {options.nodes} nodes, {found['ours']} components\n")
    common.table(samples, {"dinov2": "one thread"})
    common.record("components", {"options": vars(options), "samples": samples})


if __name__ == "__main__":
    main()
