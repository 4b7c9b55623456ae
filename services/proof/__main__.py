"""`python -m services.proof`."""

from __future__ import annotations

import sys

from services.proof.command import main

sys.exit(main())
