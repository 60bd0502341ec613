"""The advisory locks of PostgreSQL, each number once: two uses of one number would wait for each other for ever."""

from enum import IntEnum, unique


@unique
class Lock(IntEnum):
    """What is locked in the database of an installation."""

    ENGINE = 0x7261646568756200  # for life: one engine
    SEQUENCE = 0x7261646568756201  # for a transaction: facts get their seq in the order of commits
    GATEWAY = 0x7261646568756202  # for life: one gateway
    PARTITIONS = 0x7261646568756203  # for a transaction: the days of the ticks
