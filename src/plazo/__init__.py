"""Plazo: a help desk that keeps a support agreement, and can explain every deadline."""

import zoneinfo

# The pinned tzdata package is what counts, never the host's copy: two machines must not
# disagree about an hour. zoneinfo falls back to the package once its search path is empty.
zoneinfo.reset_tzpath(to=())

__version__ = "0.1.0"
