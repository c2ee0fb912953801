# SPDX-License-Identifier: MIT
"""How clients misbehave: drawn from a seed, switched off when a run heals."""
import random

CHANCES = {
    "reset": 0.006,     # the connection is reset at a random byte of a request
    "half": 0.006,      # a line is sent in two parts with a pause between them
    "cancel": 0.01,     # a request is cancelled when it has been sent
    "timeout": 0.01,    # a request has little time
    "leave": 0.003,     # the connection is closed in an orderly way
    "linger": 0.01,     # a transaction waits between two of its requests
}


class Chaos:
    """The misbehaviour of one client process."""

    def __init__(self, seed, more=1.0):
        self.rng, self.more, self.on = random.Random(seed), more, True

    def chance(self, what):
        return self.on and self.rng.random() < CHANCES[what] * self.more

    def between(self, low, high):
        return self.rng.uniform(low, high)

    def cut(self, length):
        """A place in a text of this length: 0 … length."""
        return self.rng.randint(0, length)
