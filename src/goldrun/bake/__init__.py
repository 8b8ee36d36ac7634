"""From a recipe to a published, boot-tested image."""
