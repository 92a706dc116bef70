"""The Functions app: batchmgr's triggers, with the settings of this environment."""

import os

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.functions import blueprints
from batchmgr.settings import Settings

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in blueprints(Runtime(Settings.from_environment(os.environ))):
    app.register_functions(blueprint)
