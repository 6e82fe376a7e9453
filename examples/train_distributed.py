"""Train chapter 2's model on several processes: see book/scale.md, "When one machine is not enough".

torchrun --nproc-per-node 2 examples/train_distributed.py --help
"""

from vaebook.scale.train import main

if __name__ == "__main__":
    main()
