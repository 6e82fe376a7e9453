"""A claim of the text, printed beside whether it holds: what the notebooks compare."""


def claim(text, holds):
    """Print the sentence `text` and whether it `holds`: "text: True" or "text: False".

    holds: a bool, or a tensor or array with one entry. A claim that fails is printed, not
    raised: the comparison with the stored output is what refuses it.
    Raises ValueError if `holds` is neither true nor false, such as a number or a list.
    """
    value = holds.item() if getattr(holds, "ndim", None) == 0 else holds
    if not isinstance(value, bool):
        raise ValueError(f"holds must be True or False, got {holds!r} for {text!r}")
    print(f"{text}: {value}")
