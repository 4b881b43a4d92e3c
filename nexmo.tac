# Run with `twistd --pidfile= -ny nexmo.tac`. Settings come from nexmo.toml (or the file that NEXMO_CONFIG names) and the
# environment; what a file cannot say, such as a Python function, is said here.
import os

from twisted.application.service import Application

from nexmo_twisted import ConfigurationError, load, make_service

try:
    settings = load(
        os.environ.get("NEXMO_CONFIG", "nexmo.toml"),
        # identities=my_identities,  # user id -> {"name": ..., "phone": ...} or None; plain or async
        # introduce_conversation=my_introduction,  # (message, conversation) -> text
    )
except ConfigurationError as error:  # one line for each fault, and no traceback
    raise SystemExit(f"invalid configuration:\n{error}")
application = Application("nexmo")
make_service(settings).setServiceParent(application)
