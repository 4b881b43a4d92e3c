# The sandbox on ports of its own, so that tests do not meet one that somebody plays with.
import os

from twisted.application.service import Application

from nexmo_twisted.sandbox.service import make_sandbox, sandbox_settings

companies, service, operator = map(int, os.environ["SANDBOX_PORTS"].split(","))
settings = sandbox_settings(None, companies=companies, service=service, operator=operator)
application = Application("sandbox")
make_sandbox(settings).setServiceParent(application)
