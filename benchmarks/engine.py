"""The real engine with all its stages on a real day, alone and against nautilus_trader at the same task."""

from collections.abc import Callable
from typing import Any

from benchmarks import tape
from benchmarks.followed import TIGHT, WIDE, Run, follow
from benchmarks.measure import Result, Timed, in_turn
from benchmarks.rival import NoRival, Rival

RATE = "ticks/s"
FEW, MANY, ACCOUNTS = 50, 1000, 20
RIVAL = f"nautilus_trader, bars and the same {FEW} trades"


def measure(rounds: int) -> list[Result]:
    """Return ticks a second with no, 50 and 1,000 trades, and the ratios that matter."""
    ticks, what = tape.ticks()
    kept: dict[str, Run] = {}

    def ours(count: int, risks: tuple[int, int], name: str, accounts: int = 0) -> Timed:
        def work() -> float:
            kept[name] = follow(ticks, count, risks, accounts)
            return kept[name].seconds

        return work

    rivals: dict[str, Timed] = {
        "nobody": ours(0, WIDE, "nobody"),
        "few": ours(FEW, WIDE, "few"),
        "many": ours(MANY, WIDE, "many"),
        "few money": ours(FEW, WIDE, "few money", ACCOUNTS),
        "few tight": ours(FEW, TIGHT, "few tight"),
        "many tight": ours(MANY, TIGHT, "many tight"),
    }
    times = in_turn(rivals, 2 * rounds)  # each takes a tenth of a second

    def line(name: str, key: str, **more: Any) -> Result:
        return Result(name, times[key].rate(len(ticks)), RATE, noise=times[key].noise, **more)

    few, few_tight = times["few"].rate(len(ticks)), times["few tight"].rate(len(ticks))
    wide, tight = "stops 25-60 points", "stops 2-20 points"
    results = [
        line("engine, no trades", "nobody", note=what),
        line(f"engine, {FEW} trades, {wide}", "few", target=500_000, note=_story(kept["few"])),
        line(
            f"engine, {FEW} trades, {tight}", "few tight",
            target=500_000, note=_story(kept["few tight"]),
        ),
        line(
            f"engine, {FEW} trades, {ACCOUNTS} accounts with positions, rules and resting orders",
            "few money", baseline=few, baseline_name="without accounts",
            paired=times["few money"].quicker_than(times["few"]), target=0.5, of_ratio=True,
            note=f"{kept['few money'].orders} orders working, three limits each; {_story(kept['few money'])}",
        ),
        line(
            f"engine, {MANY} trades, {wide}", "many", baseline=few, baseline_name=f"{FEW} trades",
            paired=times["many"].quicker_than(times["few"]), target=0.6, of_ratio=True, note=_story(kept["many"]),
        ),
        line(
            f"engine, {MANY} trades, {tight}", "many tight", baseline=few_tight,
            baseline_name=f"{FEW} trades",
            paired=times["many tight"].quicker_than(times["few tight"]), note=_story(kept["many tight"]),
        ),
    ]  # fmt: skip
    return results + _against(ticks, rivals["few"], kept, rounds)


def _against(ticks: list[tape.Tick], few: Timed, kept: dict[str, Run], rounds: int) -> list[Result]:
    """Let both run in turn, and compare how every trade ended: both tracks, time and kind of exit."""
    name = f"engine against nautilus_trader, {FEW} trades"
    answers: dict[str, dict[str, Any]] = {}
    try:
        with Rival(ticks) as rival:

            def theirs(mode: str) -> Callable[[], float]:
                def work() -> float:
                    answers[mode] = rival.run(mode, kept["few"].entries)
                    return float(answers[mode]["seconds"])

                return work

            modes = {mode: theirs(mode) for mode in ("tracking", "bars", "nearest")}
            times = in_turn({"ours": few, **modes}, min(rounds, 3))
    except (NoRival, OSError) as problem:
        return [Result.missing(name, RATE, str(problem))]
    ours = times["ours"].rate(len(ticks))
    same = _agreed(kept["few"], answers["tracking"])

    def against(mode: str, who: str, target: float | None, note: str) -> Result:
        return Result(
            f"engine against {who}", ours, RATE, times[mode].rate(len(ticks)), who,
            paired=times["ours"].quicker_than(times[mode]),
            target=target, of_ratio=True, noise=max(times["ours"].noise, times[mode].noise), note=note,
        )  # fmt: skip

    equal = f"outcomes equal: {same} of {len(kept['few'].outcomes)} trades (both tracks, exit time and kind)"
    if same != len(kept["few"].outcomes):
        equal = f"OUTCOMES DIFFER; {equal}"
    return [
        against("tracking", RIVAL, 5, equal),
        against("bars", "nautilus_trader, bars only", None, "for information: it follows no trade"),
        against(
            "nearest", "nautilus_trader, our nearest-edge idea in its strategy", None,
            f"for information; {_agreed(kept['few'], answers['nearest'])} trades equal",
        ),
    ]  # fmt: skip


def _agreed(run: Run, answer: dict[str, Any]) -> int:
    theirs = {key: tuple(ended) for key, ended in answer["outcomes"].items()}
    return sum(theirs.get(key) == tuple(outcome) for key, outcome in run.outcomes.items())


def _story(run: Run) -> str:
    ended = sum(outcome.no_be_at > 0 for outcome in run.outcomes.values())
    return f"{len(run.entries):,} entered, {ended:,} ended, {run.said:,} messages"
