"""GARM's external provider: for teams who outgrow one workflow, an engine with pools and scale sets drives goldrun."""
