"""One training step in PyTorch (eager): the peer of the `train_step` benchmark.

    python benches/peers/train_step_torch.py [threads, 2 by default]

The same network, loss and optimiser as train_step_jax.py, with `torch.optim.Adam`: its default, `foreach` and `fused`
variants, each a line of JSON. Nothing is compiled, so `compile_ms` is 0.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

CONFIGS = [((64, 128, 10), 64, 3000), ((784, 512, 512, 10), 128, 300)]
VARIANTS = {"": {}, " foreach": {"foreach": True}, " fused": {"fused": True}}


def run(sizes, batch, steps, variant):
    torch.manual_seed(0)
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, **VARIANTS[variant])
    x, y = torch.randn(batch, sizes[0]), torch.randint(0, sizes[-1], (batch,))

    times = []
    first = None
    for i in range(steps + steps // 5):
        start = time.perf_counter()
        adam.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        adam.step()
        if i >= steps // 5:
            times.append((time.perf_counter() - start) * 1e6)
        first = loss.item() if first is None else first
    # The step has to learn, or it measures something else.
    assert loss.item() < first, (first, loss.item())
    return {
        "peer": "torch" + variant,
        "version": torch.__version__,
        "config": f"{'-'.join(map(str, sizes))} b{batch} f32",
        "median_us": round(statistics.median(times), 1),
        "min_us": round(min(times), 1),
        "compile_ms": 0,
    }


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    for config in CONFIGS:
        for variant in VARIANTS:
            print(json.dumps(run(*config, variant)), flush=True)
