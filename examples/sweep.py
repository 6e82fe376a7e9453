"""Print chapter 2's table of dimensions: see book/scale.md, "When one machine is not enough".

torchrun --nproc-per-node 2 examples/sweep.py --help
"""

from vaebook.scale.sweep import main

if __name__ == "__main__":
    main()
