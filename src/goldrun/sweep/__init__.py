"""Finds and deletes what is left over: the last defence against a leak.

Nothing is assumed: a side that cannot be read is an error; every resource is looked up again by its id or name, on both
sides, before it is deleted, and once more afterwards. A fresh heartbeat, a job or an image that is being created
outweighs every reason to delete.
"""

from goldrun.sweep.finding import Finding, find
from goldrun.sweep.removal import Swept, remove

__all__ = ["Finding", "Swept", "find", "remove"]
