"""GitHub as far as runners see it, on this machine: REST endpoints, jobs, webhooks, and a stand-in for its runner."""
