"""Many browsers in one process: each signed in, each listening to the price and its own trades.

`python -m benchmarks.fanout_browsers COUNT SECONDS SETTLE`; the desk's ready line comes on standard input. Says
`listening`, and at the end how old readings were and when which fact came.
"""

import asyncio
import json
import sys
import time
from datetime import datetime

import msgspec
from websockets.asyncio.client import ClientConnection, connect

SECOND = 1_000_000_000


class Heard(msgspec.Struct):
    """What of a message is looked at."""

    topic: str = ""
    at: str = ""
    seq: int = 0


decode = msgspec.json.Decoder(Heard).decode


async def browse(url: str, cookie: str, user: int, until: asyncio.Event, out: list) -> None:
    """Listen until told to end; note (arrival, what)."""
    async with connect(url, additional_headers={"Cookie": cookie}, max_queue=None) as line:
        topics = ["price.NQ", "feed", f"user.{user}.trades", f"user.{user}.signals"]
        await line.send(json.dumps({"subscribe": topics}))
        ended = asyncio.create_task(until.wait())
        listening = asyncio.create_task(_listen(line, out))
        await asyncio.wait({ended, listening}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        listening.cancel()


async def _listen(line: ClientConnection, out: list) -> None:
    async for text in line:
        arrived = time.time_ns()
        out.append((arrived, decode(text)))


async def main(count: int, seconds: float, settle: float) -> None:
    """Open all, let them settle, listen, and say what came."""
    desk = json.loads(await asyncio.to_thread(sys.stdin.readline))
    url = f"ws://127.0.0.1:{desk['port']}/ws/dashboard/"
    until, heard = asyncio.Event(), [[] for _ in range(count)]
    tasks = []
    for number in range(count):
        user, session = desk["sessions"][number % len(desk["sessions"])]
        cookie = f"{desk['cookie']}={session}"
        tasks.append(asyncio.create_task(browse(url, cookie, user, until, heard[number])))
        await asyncio.sleep(0.01)
    await asyncio.sleep(settle)
    print("listening", flush=True)
    begun, late = time.time_ns(), []
    watch = asyncio.create_task(_oversleep(late))
    await asyncio.sleep(seconds)
    watch.cancel()
    until.set()
    await asyncio.gather(*tasks)
    ages, facts, counts = [], [], []
    for one in heard:
        counts.append(0)
        for arrived, said in one:
            if arrived < begun:
                continue
            if said.topic == "price.NQ":
                traded = _instant(said.at) - desk["offset"]
                ages.append((arrived - traded) / 1e6)
                counts[-1] += 1
            elif said.seq:
                facts.append((said.seq, arrived))
    told = {"ages": ages, "facts": facts, "readings": counts}
    print(json.dumps({**told, "late": late}), flush=True)


def _instant(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000


async def _oversleep(late: list) -> None:
    """Note how much too late this process wakes from sleeps of 5 ms: what the machine adds to every number."""
    while True:
        due = time.perf_counter() + 0.005
        await asyncio.to_thread(time.sleep, 0.005)
        late.append((time.perf_counter() - due) * 1000)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
