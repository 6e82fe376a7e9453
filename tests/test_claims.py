import numpy as np
import pytest
import torch

from vaebook.claims import claim


@pytest.mark.parametrize("holds", [True, False, np.bool_(True), torch.tensor(False), torch.ones(2).gt(0).all()])
def test_a_claim_prints_its_sentence_and_whether_it_holds(holds, capsys):
    claim("test -ELBO at most 86.0 nats", holds)
    assert capsys.readouterr().out == f"test -ELBO at most 86.0 nats: {bool(holds)}\n"


@pytest.mark.parametrize("holds", [1, 0.0, None, "True", [True], torch.ones(2) > 0, torch.tensor(3.0), np.array(1)])
def test_what_is_neither_true_nor_false_is_refused(holds):
    with pytest.raises(ValueError, match="holds must be True or False, got .* for 'more'"):
        claim("more", holds)
