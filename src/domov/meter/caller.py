"""Who asks for the work that is under way. The outermost layer knows, and says it for all that runs in its context."""

from collections.abc import Callable
from contextvars import ContextVar

# The dialect that is spoken, as far as it is known when it is asked for; "none" where nobody speaks one.
dialect: ContextVar[Callable[[], str]] = ContextVar("dialect", default=lambda: "none")
