"""The tags that say whose a resource is."""

MANAGED_BY = {"ManagedBy": "goldrun"}
# On builders and runners; the RAM policies rest on it.
RUNNER_TYPE = {"GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}
ROLE = "Role"
BUILDER = "builder"
TESTER = "tester"
HEARTBEAT = "Heartbeat"
PROTECTED = "Protected"
