"""Records on disk, and the decision code run on them again.

exchanges  the legs of each exchange together, with what they weigh and what is missing
format  a captured record as bytes, and back
writer  a share of the exchanges into files that together stay below a size
replay  captured records through statistics, scorecard and release, as in `penumbra backtest`
"""
