"""The stage: what `demo` and `bench` build around the agent. Nothing of the agent imports it.

Broker, cameras, clips, the agent itself as a child process, and the bare program that the
overhead is measured against. Everything listens on loopback and ends with the command.
"""
