"""Pictures in a coding (PNG, JPEG, …): what is measured of them, without decoding them.

head        format, size, channels: from the first bytes
brightness  how light a picture is, from a bounded part of it
jpeg_scan   of a JPEG: the mean of its first blocks
found       the pictures of a request, in any of its forms, as features
"""
