"""Footfall reads a shop's event log, shows the journeys in it, and answers the shop's questions."""
