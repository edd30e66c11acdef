#!/usr/bin/env python3
"""Serves a model with Ray Serve, loads it for a bounded number of requests, and prints how long these took.

    pip install -r requirements.txt
    python serve.py MODEL ...                 one replica, then two
    python serve.py MODEL --requests 200 --tokens 256

The server listens on 127.0.0.1, and ends with the script. A replica is a process of its own, which registers the operator library when it
begins.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import time

# Before Ray is imported: it would report how it is used.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy
import onnxruntime
import ray
from ray import serve

import phasor

PORT = 8642
VOCABULARY = 48


@serve.deployment(ray_actor_options={"num_cpus": 1})
class NextToken:
    """The most probable token behind those of a request."""

    def __init__(self, path: str) -> None:
        options = phasor.register(onnxruntime.SessionOptions())
        # A processor for each replica.
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)

    async def __call__(self, request) -> dict:
        tokens = numpy.array([(await request.json())["tokens"]], numpy.int64)
        (logits,) = self.session.run(["logits"], {"input_ids": tokens, "attention_mask": numpy.ones_like(tokens)})
        return {"token": int(logits[0, -1].argmax())}


def client(requests, tokens, seed):
    """One client, which sends its requests one after the other over one connection; the seconds that each took."""
    draw = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    seconds = []
    for _ in range(requests):
        body = json.dumps({"tokens": [draw.randrange(VOCABULARY) for _ in range(tokens)]})
        begun = time.perf_counter()
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        seconds.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {content[:200]!r}")
        assert 0 <= json.loads(content)["token"] < VOCABULARY
    connection.close()
    return seconds


def load(args):
    """Latencies of all requests in milliseconds, and how many were answered in a second."""
    each = args.requests // args.clients
    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(args.clients) as pool:
        answers = list(pool.map(lambda seed: client(each, args.tokens, seed), range(args.clients)))
    elapsed = time.perf_counter() - begun
    seconds = [second for answer in answers for second in answer]
    return numpy.array(seconds) * 1e3, len(seconds) / elapsed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="+", metavar="MODEL")
    parser.add_argument("--requests", type=int, default=400, help="of all clients together (400)")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=512, help="in a request (512)")
    args = parser.parse_args()
    # By default Ray takes much of the memory. Two replicas count for two processors, and one that takes the place of another for a third.
    ray.init(num_cpus=3, object_store_memory=100 * 2**20, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    print(f"{'model':24} replicas  p50 ms  p95 ms  requests/s")
    for replicas in (1, 2):
        for model in args.models:
            serve.run(NextToken.options(num_replicas=replicas).bind(str(model.resolve())), route_prefix="/")
            # The first requests of a replica also allocate its memory.
            client(10 * replicas, args.tokens, -1)
            latencies, rate = load(args)
            p50, p95 = numpy.percentile(latencies, [50, 95])
            print(f"{model.name:24} {replicas:8}  {p50:6.1f}  {p95:6.1f}  {rate:10.1f}", flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main()
