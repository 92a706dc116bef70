"""The dispatcher runs a whole job in one process on this machine, in the order of its dependencies.

It calls the same use cases as the Functions app, with local ports. So the events, the outcome and the
callback are the same as in Azure. Tasks run in the main thread, where a debugger can use the terminal.
"""
