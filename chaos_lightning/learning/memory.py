"""The memory of a learning rule: tensors that it remembers between steps."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class RuleMemory(nn.ParameterDict):
    """Tensors by name, saved in checkpoints and moved with the network.

    They are parameters without gradient rather than buffers, which distributed training would broadcast at every step.

    Args:
        tensors: memory before the first step; copied.

    Raises:
        ValueError: for a name that is taken by the dictionary's own methods.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            if hasattr(self, name) or not name.isidentifier():
                raise ValueError(f"a learning rule cannot remember a tensor called {name!r}: choose another name")
            self[name] = nn.Parameter(tensor.detach().clone(), requires_grad=False)

    def tensors(self) -> dict[str, Tensor]:
        """Return copies, which a rule may change as it likes."""
        return {name: tensor.detach().clone() for name, tensor in self.items()}

    @torch.no_grad()
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Overwrite the memory.

        Raises:
            ValueError: for a name that was not there before the first step.
        """
        unknown = sorted(tensors.keys() - set(self.keys()))
        if unknown:
            raise ValueError(
                f"the learning rule's method follow returns {', '.join(unknown)}, which its method init does not make: "
                f"it makes {', '.join(self.keys()) or 'nothing'}"
            )
        for name, tensor in tensors.items():
            self[name].copy_(tensor)
