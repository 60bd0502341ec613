"""Files of fills as brokers and platforms export them: what they are, what their rows say, and which fills are known.

Pure: no database. `reading` opens a file, `layouts` know the columns, `values` read a cell, `matching` finds doubles.
"""
