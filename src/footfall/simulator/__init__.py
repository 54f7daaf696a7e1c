"""A shop with known truth.

``simulate`` writes a log, a catalogue and the truth behind them; ``describe`` sets its rates beside those of the real
shops that it is tuned to. How people behave is told in ``params`` (numbers and their sources), ``choice`` (who likes
what), ``visits``, ``orders`` and ``lives``; what is known of them afterwards in ``truth``.
"""

from footfall.simulator.params import Tuning
from footfall.simulator.result import Description, Simulation, describe
from footfall.simulator.run import simulate

__all__ = ["Description", "Simulation", "Tuning", "describe", "simulate"]
