"""Functions that keep their last result, for tensors that come several times in a row."""

from collections.abc import Callable

import torch
from torch import Tensor


class RememberLast:
    """A function of one tensor that keeps its last result, and returns it again for equal values.

    It keeps a copy of the values too.

    Args:
        function: Function to call for new values. Its result must not be changed in place.

    Example:
        >>> import torch
        >>> total = RememberLast(lambda values: values.sum())
        >>> values = torch.ones(3)
        >>> total(values), total(values.clone())
        (tensor(3.), tensor(3.))
        >>> total(values.add_(1))
        tensor(6.)
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self._function = function
        self._last: tuple[Tensor, Tensor] | None = None

    def __call__(self, values: Tensor) -> Tensor:
        """Return the result for these values."""
        last = self._last  # another thread may replace it meanwhile
        if last is not None and _same(last[0], values):
            return last[1]
        result = self._function(values)
        self._last = values.clone(), result  # the caller may go on writing into them
        return result


def _same(first: Tensor, second: Tensor) -> bool:
    return first.device == second.device and first.dtype == second.dtype and torch.equal(first, second)
