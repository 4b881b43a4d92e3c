"""One process of the service as the kill harness runs it, with ``twistd -ny``: the real one, but impatient.

The settings come from the environment. Leases and time limits are short, so that a run of minutes sees what in
production would take hours.
"""

import ctypes
import signal
import sys

from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.protocol import Factory

from nexmo_twisted.config.loading import load
from nexmo_twisted.service import NexmoService
from nexmo_twisted.wiring import Tuning

PR_SET_PDEATHSIG = 1  # linux/prctl.h


SHORT = Tuning(lease=4_000, chat_timeout=1.0, provider_timeout=2.0)

if sys.platform == "linux":  # it does not outlive a harness that is killed itself
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

Factory.noisy = False
application = Application("nexmo under chaos")
NexmoService(load(), reactor, tuning=SHORT).setServiceParent(application)
