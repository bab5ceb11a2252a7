"""How an agent likes their screens: small choices that come with the agent and cost no query."""

from typing import Any

from django.db import transaction

from plazo.accounts.models import Agent


@transaction.atomic
def keep_preference(*, agent_id: int, name: str, value: Any) -> None:
    """Keep one choice of an agent; None forgets it.

    Units: `name` is the screen's own word for it, `value` plain JSON that the screen has checked.
    Raises: Agent.DoesNotExist.
    """
    agent = Agent.objects.select_for_update().get(pk=agent_id)
    kept = {key: each for key, each in agent.preferences.items() if key != name}
    agent.preferences = kept if value is None else {**kept, name: value}
    agent.save(update_fields=["preferences"])
