"""The local GitHub, as far as runners need it: REST endpoints, jobs, webhooks, and a stand-in runner."""
