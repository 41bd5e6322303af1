"""Compares the exact graph of nearest neighbours of `dinov2 curate dedup` with Faiss's IndexFlatIP.

Ours is the time of the graph with its components, union-find and histograms; theirs that of the search
alone. Both must find the same number of edges above the threshold. scikit-learn answers a part of the
queries and its time is scaled.
"""

from __future__ import annotations

import json
import sys
import time

import common
import numpy as np


def faiss_search(path: str, k: int, threshold: float, threads: int) -> dict[str, object]:
    import faiss

    faiss.omp_set_num_threads(threads)
    rows = np.load(path)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    start = time.perf_counter()
    similarities, found = index.search(rows, k + 1)
    seconds = time.perf_counter() - start
    others = found != np.arange(len(rows))[:, None]
    # Where a row itself is not among its nearest, the last one is too many.
    others[others.all(axis=1), -1] = False
    return {"seconds": seconds, "edges": int(((similarities > threshold) & others).sum())}


def sklearn_search(path: str, k: int, queries: int) -> dict[str, object]:
    from sklearn.neighbors import NearestNeighbors

    rows = np.load(path)
    index = NearestNeighbors(n_neighbors=k + 1, algorithm="brute", metric="cosine").fit(rows)
    start = time.perf_counter()
    index.kneighbors(rows[:queries])
    return {"seconds": (time.perf_counter() - start) * len(rows) / queries}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("-k", type=int, default=64)
    parser.add_argument("--threshold", type=float, default=0.6)
    parser.add_argument("--sklearn-queries", type=int, default=10_000, help="0 leaves it out")
    options = parser.parse_args()
    if options.as_peer:
        name, path = options.as_peer
        result = (
            faiss_search(path, options.k, options.threshold, options.threads)
            if name == "faiss" else sklearn_search(path, options.k, options.sklearn_queries)
        )  # fmt: skip
        return print(json.dumps(result))

    rows = common.planted(options.rows, options.columns)
    store = common.store(rows)
    edges: dict[str, int] = {}

    def run_ours() -> float:
        result = common.ours(
            ["curate", "dedup", "--store", store, "--space", "cosine", "-k", options.k,
             "--threshold", options.threshold, "--threads", options.threads],
            options.threads)  # fmt: skip
        edges["ours"] = int(result["directed_edges"])
        return float(result["processor_seconds" if options.processor else "graph_seconds"])

    def run_peer(name: str) -> float:
        arguments = ["--as-peer", name, rows, "-k", options.k, "--threads", options.threads,
                     "--threshold", options.threshold,
                     "--sklearn-queries", options.sklearn_queries]  # fmt: skip
        result = common.peer("knn_graph.py", arguments, options.threads)
        if "edges" in result:
            edges[name] = int(result["edges"])
        return float(result["processor_seconds" if options.processor else "seconds"])

    samples = common.take_turns(
        {"dinov2": run_ours, "Faiss IndexFlatIP": lambda: run_peer("faiss")}, options.rounds)
    if edges["ours"] != edges["faiss"]:
        # Similarities that float32 rounds to either side of the threshold.
        difference = abs(edges["ours"] - edges["faiss"])
        if difference > 1e-5 * edges["faiss"] + 2:
            sys.exit(f"knn_graph: {edges['ours']} edges, Faiss finds {edges['faiss']}")
    if options.sklearn_queries:
        samples["scikit-learn brute"] = [run_peer("sklearn")]
    print(f"{options.rows} × {options.columns}, k = {options.k}, {options.threads} threads, "
          f"{edges['ours']} edges above {options.threshold} (Faiss: {edges['faiss']})\n")
    common.table(
        samples,
        {"dinov2": "with components and histograms",
         "scikit-learn brute": f"{options.sklearn_queries} queries, scaled"})
    common.record("knn_graph", {"options": vars(options), "samples": samples, "edges": edges})


if __name__ == "__main__":
    main()
