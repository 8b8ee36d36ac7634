"""GARM's external provider: its pools and scale sets launch their runners with goldrun."""
