"""Random inputs for a network."""

import random


def samples(width: int, count: int, seed: int, reach: float = 3.0) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.uniform(-reach, reach) for _ in range(width)] for _ in range(count)]
