"""How many examples hypothesis makes of a law, and what it may take for them.

``--hypothesis-profile=fuzz`` makes a hundred times as many.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says only how busy the machine is. Fixtures are shared by a
# test's examples on purpose: a store that fills up finds more.
_USUAL = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("usual", _USUAL)
settings.register_profile("fuzz", _USUAL, max_examples=10_000)
settings.load_profile("usual")


def examples(usual: int) -> settings:
    """Give settings for so many examples in a usual run."""
    return settings(max_examples=usual * settings.default.max_examples // 100)
