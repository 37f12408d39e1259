"""``agebo-hpc`` that writes ``history.h5`` again and again, so that kills meet it at work.

python scripts/bench/eager_saving.py search --out RUN …
"""

from agebo_hpc.__main__ import main
from agebo_hpc.storage import history

history.MIN_INTERVAL = 0.0
history.MIN_DUTY = 3.0

if __name__ == "__main__":
    main()
