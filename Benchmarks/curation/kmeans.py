"""Compares k-means of `dinov2 curate cluster` with Faiss's and scikit-learn's.

Random rows as first centroids, the same number of iterations, all rows in each. The mean squared
distances in the end must be within a hundredth.
"""

from __future__ import annotations

import json
import sys
import time

import common
import numpy as np


def faiss_kmeans(path: str, clusters: int, iterations: int, threads: int) -> dict[str, float]:
    import faiss

    faiss.omp_set_num_threads(threads)
    rows = np.load(path)
    start = time.perf_counter()
    kmeans = faiss.Kmeans(
        rows.shape[1], clusters, niter=iterations, seed=1, max_points_per_centroid=len(rows),
        min_points_per_centroid=1)
    kmeans.train(rows)
    distances, _ = kmeans.index.search(rows, 1)
    return {"seconds": time.perf_counter() - start, "distance": float(distances.mean())}


def sklearn_kmeans(path: str, clusters: int, iterations: int) -> dict[str, float]:
    from sklearn.cluster import KMeans

    rows = np.load(path)
    start = time.perf_counter()
    result = KMeans(
        clusters, init="random", n_init=1, max_iter=iterations, tol=0, random_state=1,
        algorithm="lloyd").fit(rows)
    return {"seconds": time.perf_counter() - start, "distance": result.inertia_ / len(rows)}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--clusters", type=int, default=1000)
    parser.add_argument("--iterations", type=int, default=20)
    options = parser.parse_args()
    if options.as_peer:
        name, path = options.as_peer
        result = (
            faiss_kmeans(path, options.clusters, options.iterations, options.threads)
            if name == "faiss" else sklearn_kmeans(path, options.clusters, options.iterations)
        )  # fmt: skip
        return print(json.dumps(result))

    rows = common.planted(options.rows, options.columns)
    store = common.store(rows)
    distances: dict[str, float] = {}

    def run_ours() -> float:
        result = common.ours(
            ["curate", "cluster", "--store", store, "--clusters", options.clusters,
             "--iterations", options.iterations, "--seeding", "random", "--everything",
             "--threads", options.threads], options.threads)  # fmt: skip
        distances["ours"] = float(result["mean_squared_distance"])
        return float(result["processor_seconds" if options.processor else "kmeans_seconds"])

    def run_peer(name: str) -> float:
        arguments = ["--as-peer", name, rows, "--clusters", options.clusters,
                     "--iterations", options.iterations, "--threads", options.threads]  # fmt: skip
        result = common.peer("kmeans.py", arguments, options.threads)
        distances[name] = float(result["distance"])
        return float(result["processor_seconds" if options.processor else "seconds"])

    samples = common.take_turns(
        {"dinov2": run_ours, "Faiss Kmeans": lambda: run_peer("faiss"),
         "scikit-learn KMeans": lambda: run_peer("sklearn")}, options.rounds)  # fmt: skip
    for name, distance in distances.items():
        if abs(distance / distances["ours"] - 1) > 0.01:
            sys.exit(f"kmeans: mean squared distance {distances['ours']}, {name} has {distance}")
    print(f"{options.rows} × {options.columns}, {options.clusters} clusters, {options.iterations} "
          f"iterations, {options.threads} threads; mean squared distances "
          + ", ".join(f"{name} {value:.4f}" for name, value in distances.items()) + "\n")
    common.table(samples, {})
    common.record("kmeans", {"options": vars(options), "samples": samples, "distances": distances})


if __name__ == "__main__":
    main()
