"""Records on disk, and the decision code run on them again.

format       the lines of a capture file, and back
seal         a running hash over them, on both sides
sampling     which exchanges are captured, and what they weigh
seen         which exchanges have been read already
sealed_file  the two files of a capture, within their bytes and their age
writer       what is captured of the records of all workers
reading      capture files as they are read: what they are, their legs and labels
labels       what is known to be true of exchanges, however many there are
exchanges    the legs of each exchange together, with what they weigh and what is missing
redaction    what is taken out of a leg before it is written
gaps         what captured records cannot tell
replay       captured records through statistics, scorecard and release, as in `penumbra backtest`
"""
