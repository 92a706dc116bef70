"""The Functions app: batchmgr's triggers, with the settings of this environment."""

import os

import azure.functions as func

from batchmgr.functions import blueprints
from batchmgr.runtime import load_runtime

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in blueprints(load_runtime(os.environ)):
    app.register_functions(blueprint)
