"""Queues on paper. Estimates, all of them: real servers are neither memoryless nor one queue.

Sources: Kingman (1961); Erlang (1917); Harchol-Balter, "Performance Modeling and Design of Computer Systems"
(2013).
"""

from __future__ import annotations

import math


def mm1_response(service_s: float, utilisation: float) -> float | None:
    """Return the mean response time of one server with a queue, s; None from full utilisation on."""
    return service_s / (1 - utilisation) if 0 <= utilisation < 1 else None


def kingman_wait(service_s: float, utilisation: float, cv2_arrivals: float, cv2_service: float) -> float | None:
    """Return the mean wait in a queue, s, from the squared coefficients of variation of arrivals and service."""
    if not 0 <= utilisation < 1:
        return None
    return utilisation / (1 - utilisation) * (cv2_arrivals + cv2_service) / 2 * service_s


def erlang_b(servers: int, offered: float) -> float:
    """Return the chance that all `servers` are busy and a call is lost; `offered` in erlangs (rate x time)."""
    if servers < 0 or offered < 0:
        message = "servers and offered load are not negative"
        raise ValueError(message)
    lost = 1.0
    for number in range(1, servers + 1):
        lost = offered * lost / (number + offered * lost)
    return lost


def erlang_c(servers: int, offered: float) -> float:
    """Return the chance that one has to wait for any of `servers`; 1 when they are offered more than they can do."""
    if offered >= servers:
        return 1.0
    lost = erlang_b(servers, offered)
    return servers * lost / (servers - offered * (1 - lost))


def mmc_response(service_s: float, servers: int, rate_per_s: float) -> float | None:
    """Return the mean response time of `servers` that share a queue (M/M/c), s; None from full utilisation on."""
    offered = rate_per_s * service_s
    if offered >= servers:
        return None
    return service_s + erlang_c(servers, offered) * service_s / (servers - offered)


def saturation_users(most_demand_s: float, total_demand_s: float, think_s: float = 0.0) -> float | None:
    """Return the concurrency from which on the busiest resource is the limit: (D + Z) / D_max."""
    return (total_demand_s + think_s) / most_demand_s if most_demand_s > 0 else None


def instances(demand_per_s: float, growth: float, unit_per_s: float, target: float = 0.7) -> int:
    """Return how many instances serve a demand that grows by the share `growth`, none of them busier than `target`.

    Raises ValueError when the capacity of one, or the target, is not positive.
    """
    if unit_per_s <= 0 or not 0 < target <= 1 or demand_per_s < 0 or growth < -1:
        message = "the capacity of an instance is positive, its target utilisation above 0 and at most 1"
        raise ValueError(message)
    return max(1, math.ceil(demand_per_s * (1 + growth) / (unit_per_s * target) - 1e-9))
