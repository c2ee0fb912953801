#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A TCP proxy between a client and its database that fails on demand: a program, so
that the tests' own threads do not slow it down.

    wire.py LISTEN_PORT HOST PORT SEED

Reads commands from its standard input, one on each line, and answers each with a line:

    reset            resets all connections
    lose P SECONDS   for so long, each message to the server is, with probability P,
                     delivered, and its connection reset before the answer comes back
    hold SECONDS     for so long, nothing moves
    delay SECONDS    from now on each answer is late by up to so much
    count            how many answers were lost so far
"""
import asyncio
import random
import socket
import struct
import sys
import time

RST = struct.pack("ii", 1, 0)


class Proxy:
    def __init__(self, host, port, seed):
        self.host, self.port, self.rng = host, port, random.Random(seed)
        self.pairs, self.lost = set(), 0
        self.lose_until, self.lose_chance, self.hold_until, self.delay = 0, 0, 0, 0

    async def serve(self, reader, writer):
        try:
            other = await asyncio.open_connection(self.host, self.port)
        except OSError:
            abort(writer)
            return
        pair = (writer, other[1])
        self.pairs.add(pair)
        try:
            await asyncio.gather(self.pump(reader, other[1], pair, True),
                                 self.pump(other[0], writer, pair, False))
        finally:
            self.pairs.discard(pair)
            for each in pair:
                abort(each)

    async def pump(self, reader, writer, pair, to_server):
        try:
            while data := await reader.read(1 << 16):
                await self.wait()
                if self.delay and not to_server:
                    await asyncio.sleep(self.rng.uniform(0, self.delay))
                lose = to_server and self.wants_loss()
                if lose:
                    self.cut_answers(pair)
                writer.write(data)
                await writer.drain()
                if lose:
                    await asyncio.sleep(self.rng.uniform(0.002, 0.03))
                    break
        except OSError:
            pass
        for each in pair:
            abort(each)

    async def wait(self):
        while (left := self.hold_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def wants_loss(self):
        return time.monotonic() < self.lose_until and self.rng.random() < self.lose_chance

    def cut_answers(self, pair):
        """From here on nothing goes back to the client."""
        self.lost += 1
        abort(pair[0])

    def command(self, words):
        now = time.monotonic()
        if words[0] == "reset":
            for pair in list(self.pairs):
                abort(pair[0])
                abort(pair[1])
        elif words[0] == "lose":
            self.lose_chance, self.lose_until = float(words[1]), now + float(words[2])
        elif words[0] == "hold":
            self.hold_until = now + float(words[1])
        elif words[0] == "delay":
            self.delay = float(words[1])
        return str(self.lost)


def abort(writer):
    """Closes with a reset."""
    try:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        writer.transport.abort()
    except (OSError, AttributeError):
        pass


async def commands(proxy):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(proxy.command(line.decode().split()), flush=True)


async def main(listen, host, port, seed):
    proxy = Proxy(host, int(port), int(seed))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", int(listen))
    print("ready", flush=True)
    await commands(proxy)  # ends when its parent does
    server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
