"""Makes ``twistd nexmo`` known. No ``__init__.py`` belongs here: the folder adds to Twisted's own package."""

from twisted.application.service import ServiceMaker

nexmo = ServiceMaker(
    "nexmo",
    "nexmo_twisted.tap",
    "Unread Layer chat messages become SMS through Nexmo, and the answers come back",
    "nexmo",
)
