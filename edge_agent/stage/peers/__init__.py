"""Programs that the bench compares the agent with; run as files, never imported by it.

Each runs with an environment of its own and answers each line on standard input with one line
of JSON: `streams` that give pictures, `images` analysed, `frames` decoded or null.
"""
