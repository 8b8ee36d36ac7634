"""Virtual machines for the local cloud's instances: QEMU boots them, the guest agent runs commands in them."""
