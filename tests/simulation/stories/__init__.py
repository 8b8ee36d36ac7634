"""Stories: a seed decides who does what, what goes wrong and who dies; everything is judged after every call.

`make simulate` plays many of them; a story that breaks an invariant is shrunk to the events that are needed for it.
"""
