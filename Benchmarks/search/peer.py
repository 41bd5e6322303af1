"""Searches with Faiss, in a process of its own: one JSON object on the standard output."""

from __future__ import annotations

import argparse
import json
import statistics
import time

import faiss
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--index", default="Flat", help="a description for faiss.index_factory")
    parser.add_argument("--parameters", default="", help="search parameters, as in nprobe=16")
    parser.add_argument("--tune", help="a search parameter that is doubled until recall suffices")
    parser.add_argument("--truth", help="the exact result, for --tune")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()

    faiss.omp_set_num_threads(options.threads)
    pool, queries = np.load(options.pool), np.load(options.queries)
    index = faiss.index_factory(pool.shape[1], options.index, faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    index.train(pool)
    index.add(pool)
    built = time.perf_counter() - start
    if options.parameters:
        faiss.ParameterSpace().set_index_parameters(index, options.parameters)
    if options.tune:
        truth = np.load(options.truth)
        effort = 1
        while effort < 65536:
            faiss.ParameterSpace().set_index_parameter(index, options.tune, effort)
            rows = index.search(queries, options.k)[1]
            hits = [len(set(a) & set(b)) for a, b in zip(rows, truth)]
            if sum(hits) >= 0.95 * truth.size:
                break
            effort *= 2
    seconds = []
    for _ in range(options.runs):
        start = time.perf_counter()
        similarities, rows = index.search(queries, options.k)
        seconds.append(time.perf_counter() - start)
    np.save(options.output, rows)
    np.save(options.output.removesuffix(".npy") + ".similarities.npy", similarities)
    print(json.dumps({"median_s": statistics.median(seconds), "build_s": built}))


if __name__ == "__main__":
    main()
