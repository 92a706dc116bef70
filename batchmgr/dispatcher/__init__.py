"""The dispatcher: a whole job in one process of this machine, in the order of its dependencies.

It drives the use cases that run in Azure, over ports that are local; so events, outcome and callback are the
same by construction. Tasks run in the main thread, where a debugger finds its terminal.
"""
