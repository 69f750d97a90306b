"""The executive report: one HTML page of a week against the week before, that opens anywhere.

The page holds all it needs: no script, no font, no picture from elsewhere. Details are folded away
and open at a tap.
"""

from replywatch.sql.executive.measures import Measure, read_week
from replywatch.sql.executive.page import executive_page

__all__ = ["Measure", "executive_page", "read_week"]
