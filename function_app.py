"""The Functions app: batchmgr's triggers, with the settings of this environment."""

import os

import azure.functions as func

from batchmgr.bootstrap import load_runtime
from batchmgr.functions import blueprints

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in blueprints(load_runtime(os.environ)):
    app.register_functions(blueprint)
